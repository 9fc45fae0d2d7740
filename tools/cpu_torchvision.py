"""Make `import torchvision` work in this environment when torch is a CPU build.

PyPI's torchvision is linked with CUDA. Next to a CPU torch its compiled library cannot load, and the import
dies because the operators `nms` and `qnms` do not exist; lightning and transformers' Qwen processors die with
it. We use neither operator, so declaring their schemas just before the import is enough. This has to reach
child processes too (data workers, inference engines), hence a `.pth` file in site-packages and not an import
in our own code.

Run by `make setup`. Where torch and torchvision come from the same build it changes nothing.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

SITE = Path(sysconfig.get_paths()["purelib"])
MODULE = SITE / "_cpu_torchvision.py"
HOOK = SITE / "_cpu_torchvision.pth"

# Runs at every interpreter start: it must stay cheap, so torch is imported only when torchvision is executed.
SOURCE = '''\
"""Written by tools/cpu_torchvision.py: lets a CUDA-linked torchvision be imported next to a CPU torch."""

import sys
from importlib.machinery import PathFinder


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "torchvision":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                declare_operators()
                execute(module)

            spec.loader.exec_module = exec_module
        return spec


def declare_operators():
    import torch

    if torch.version.cuda is None and not hasattr(Finder, "library"):
        # The schemas live only as long as this object does.
        Finder.library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            Finder.library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


sys.meta_path.insert(0, Finder)
'''


def run(code: str) -> tuple[bool, str]:
    """Run `code` in a fresh interpreter; return whether it succeeded and its last line of output."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else ""


def main() -> str:
    """Install the hook if it is needed; return what was done, or exit with what is wrong."""
    HOOK.unlink(missing_ok=True)  # a hook left by another torch must not answer the question below
    MODULE.unlink(missing_ok=True)

    found, cuda = run("import torch; print(torch.version.cuda)")
    if not found:
        sys.exit(f"cpu_torchvision: torch cannot be imported: {cuda}")
    matches, reason = run("import torchvision")
    if matches:
        done = "torch and torchvision match, nothing to do"
    elif cuda == "None":
        MODULE.write_text(SOURCE, encoding="utf-8")
        HOOK.write_text(f"import {MODULE.stem}\n", encoding="utf-8")
        done = "CPU torch next to a CUDA torchvision, import hook installed"
    else:
        sys.exit(f"cpu_torchvision: torch (CUDA {cuda}) and torchvision do not match: {reason}")

    works, reason = run("import torchvision; from transformers import Qwen2_5_VLProcessor")
    if not works:
        sys.exit(f"cpu_torchvision: torchvision or the Qwen2.5-VL processor cannot be imported: {reason}")
    return done


if __name__ == "__main__":
    print(f"cpu_torchvision: {main()}")
