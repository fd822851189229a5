---@meta _
--- What the checker of types cannot know of Neovim from its runtime files; no editor loads this.

---@class uv.uv_timer_t
---@field start fun(self: uv.uv_timer_t, timeout: integer, repeats: integer, callback: fun())
---@field stop fun(self: uv.uv_timer_t)
---@field close fun(self: uv.uv_timer_t)
---@field is_closing fun(self: uv.uv_timer_t): boolean

---@class vim.uv
---@field now fun(): integer
---@field new_timer fun(): uv.uv_timer_t?
---@field fs_realpath fun(path: string): string?
vim.uv = {}
