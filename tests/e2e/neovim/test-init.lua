-- What a user's init.lua would hold: the plugin on 'runtimepath', and $FLUX_TEST_SETTINGS (JSON) in vim.g.flux.
vim.opt.runtimepath:prepend(vim.env.FLUX_TEST_PLUGIN)
vim.o.swapfile = false
vim.o.more = false -- An error of many lines would wait for a key, and a test for its answer.
if vim.env.FLUX_TEST_SETTINGS then
  vim.g.flux = vim.json.decode(vim.env.FLUX_TEST_SETTINGS)
end

--- The code lenses of the current buffer. Neovim 0.12 hands each out together with its client.
function _G.lenses()
  if not vim.lsp.codelens.enable then
    return vim.lsp.codelens.get(0)
  end
  return vim.tbl_map(function(found)
    return found.lens
  end, vim.lsp.codelens.get({ bufnr = 0 }))
end
