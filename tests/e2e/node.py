"""The npm packages of the Node applications, installed once into the repository's `.cache/`."""

import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from filelock import FileLock

from tests.e2e.launch import APPS

NODE_MODULES = Path(__file__).parents[2] / ".cache" / "e2e-node" / "node_modules"


def install(folder: str) -> str | None:
    """Installs what the application's lock file names, unless that is done: why it could not."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    source, target = APPS / folder, NODE_MODULES.parent
    lock = source / "package-lock.json"
    wanted = sha256(lock.read_bytes()).hexdigest()
    installed = target / "installed"
    target.mkdir(parents=True, exist_ok=True)
    with FileLock(target / "install.lock"):
        if installed.exists() and installed.read_text() == wanted:
            return None
        for file in (source / "package.json", lock):
            shutil.copy(file, target)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        try:
            subprocess.run(command, cwd=target, check=True, capture_output=True, text=True, timeout=300)
        except subprocess.CalledProcessError as error:
            return f"npm ci failed: {error.stderr.strip()}"
        installed.write_text(wanted)
    return None


if __name__ == "__main__":
    sys.exit(install(sys.argv[1]))
