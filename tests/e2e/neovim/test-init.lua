-- What a user's init.lua would hold: the plugin on 'runtimepath', and $FLUX_TEST_SETTINGS (JSON) in vim.g.flux.
vim.opt.runtimepath:prepend(vim.env.FLUX_TEST_PLUGIN)
vim.o.swapfile = false
if vim.env.FLUX_TEST_SETTINGS then
  vim.g.flux = vim.json.decode(vim.env.FLUX_TEST_SETTINGS)
end
