;;; driver.el --- A real Emacs with the settings of editors/README.md, which tells what it shows -*- lexical-binding: t -*-

(setq package-directory-list '("/usr/share/emacs/site-lisp/elpa"))
(package-initialize)
(setq eglot-sync-connect 30
      eglot-autoshutdown nil
      eglot-confirm-server-initiated-edits nil
      python-indent-guess-indent-offset-verbose nil
      create-lockfiles nil
      make-backup-files nil)
;; A key was pressed, not the mouse: the list of actions is no menu then.
(setq last-nonmenu-event ?a)
(require 'python)
(require 'jsonrpc)
;; Nobody waits longer for an answer of a machine that is busy.
(setq jsonrpc-default-request-timeout 60)
(require 'json)
(load (getenv "PAGE") nil t)
(setq flux-trusted-projects (list (getenv "TRUSTED")))

(defvar told nil "What there is to tell, as pairs.")

(defun tell (name value)
  (push (cons name value) told)
  (with-temp-file (getenv "TOLD") (insert (json-encode (reverse told)))))

(defmacro until (what &rest form)
  "The first value of FORM that is not nil; after a while the end, with WHAT as the reason."
  `(let ((end (+ (float-time) 40)) value)
     (while (and (not (setq value (progn ,@form))) (< (float-time) end))
       (accept-process-output nil 0.02))
     (unless value (tell "missing" ,what) (princ (with-current-buffer "*Messages*" (buffer-string))) (kill-emacs 1))
     value))

(defun shown ()
  (vconcat
   (mapcar (lambda (each)
             (list (cons 'text (flymake-diagnostic-text each))
                   (cons 'range (buffer-substring-no-properties (flymake-diagnostic-beg each) (flymake-diagnostic-end each)))
                   (cons 'line (line-number-at-pos (flymake-diagnostic-beg each)))))
           (flymake-diagnostics))))

(defun actions ()
  (mapcar (lambda (each) (plist-get each :title)) (append (eglot-code-actions (line-beginning-position)) nil)))

(defun act (start)
  "Take the code action whose title begins with START, as one does from the list."
  (cl-letf (((symbol-function 'completing-read)
             (lambda (_prompt choices &rest _)
               (seq-find (lambda (each) (string-prefix-p start each))
                         (mapcar (lambda (each) (if (consp each) (car each) each)) choices)))))
    (eglot-code-actions (line-beginning-position) nil nil t)))

(defun nothing-is-shown ()
  "Whether no hint is left, asked as somebody does who moves the cursor.
Older versions of jsonrpc.el look at what came with the answer to a request only when the server says more."
  (eglot-hover-eldoc-function #'ignore)
  (accept-process-output nil 0.2)
  (null (flymake-diagnostics)))

(defun messages () (with-current-buffer "*Messages*" (buffer-string)))

(defun document (command)
  (let ((name (format "*flux %s*" command)))
    (when (get-buffer name) (kill-buffer name))
    (flux command)
    (until name (and (get-buffer name) (with-current-buffer name (and (> (buffer-size) 0) (buffer-string)))))))

(find-file (getenv "FILE"))
(python-mode)
(apply #'eglot (eglot--guess-contact))
(tell "server" (plist-get (eglot--server-info (eglot-current-server)) :name))
(flymake-mode 1)
(flymake-start)
(until "the diagnostics" (flymake-diagnostics))
(tell "diagnostics" (shown))
(goto-char (flymake-diagnostic-beg (car (flymake-diagnostics))))
(let (hover)
  (eglot-hover-eldoc-function (lambda (text &rest _) (setq hover (or text ""))))
  (tell "hover" (substring-no-properties (until "the hover" hover))))
(tell "actions" (vconcat (actions)))
(act "Why?")
(tell "message" (until "the answer" (and (string-match "Server reports" (messages)) (messages))))
(dolist (command '("why" "trace" "errors" "tail" "doctor")) (tell command (document command)))
(when (getenv "MENDS")
  (tell "replay" (document "replay"))
  (act "Say what the result is")
  (tell "suggested" (buffer-substring-no-properties (line-beginning-position) (line-end-position)))
  (save-buffer)
  (act "Replay")
  (until "that it is fixed" (nothing-is-shown))
  (tell "after the mend" (shown)))
(unless (getenv "MENDS")
  (flux "replay")
  (tell "refused" (until "why not" (and (string-match "Flux: .*trusted.*" (messages)) (match-string 0 (messages)))))
  (act "Dismiss")
  (until "that it is dismissed" (nothing-is-shown))
  (tell "after dismissing" (shown)))
(set-buffer-modified-p nil)
(eglot-shutdown (eglot-current-server))
(tell "ended" t)
(kill-emacs 0)
