"""HTTP calls that the application makes: what was asked and what was answered. One module for each library."""

from flux_ls.record.patches import Patches

_patches = Patches()


def install() -> None:
    """Patches the libraries that are there, and those that get imported later."""
    from flux_ls.record.outbound import aiohttp, httpx, requests, urllib, urllib3

    if _patches.active:
        return
    _patches.active = True
    for library in (urllib3, requests, httpx, aiohttp, urllib):
        library.install(_patches)


def uninstall() -> None:
    """The libraries are as they were."""
    _patches.restore()
