"""Which guard kept the side effects of a replay in, in words for every face."""

from flux_ls.replay.shapes import Kernel, Replay

_KERNEL: dict[Kernel, str] = {
    "namespace": "the network (namespace)",
    "seccomp": "connections (seccomp)",
    "landlock": "files (Landlock)",
}


def guard_words(answer: Replay) -> str:
    """`side effects off, by Python's hooks and the kernel: the network (namespace), ...`"""
    kept = ", ".join(_KERNEL[part] for part in answer.kernel)
    return f"side effects off, by Python's hooks{f' and the kernel: {kept}' if kept else ''}"
