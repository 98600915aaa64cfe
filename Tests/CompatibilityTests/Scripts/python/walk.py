"""10,000 files made, walked, searched, hashed, renamed, and half of them removed."""
import collections
import glob
import hashlib
import os
import pathlib
import shutil

for folder in range(100):
    os.makedirs(f"tree/{folder // 10}/{folder}")
    for number in range(100):
        with open(f"tree/{folder // 10}/{folder}/file-{number}.{'txt' if number % 3 else 'dat'}", "w") as file:
            file.write(f"{folder} {number}\n" * (number % 7))
kinds, total = collections.Counter(), 0
for root, directories, files in os.walk("tree"):
    for name in files:
        kinds[os.path.splitext(name)[1]] += 1
        total += os.path.getsize(os.path.join(root, name))
print(dict(sorted(kinds.items())), total)
print(len(glob.glob("tree/**/file-1*.txt", recursive=True)), len(list(pathlib.Path("tree").rglob("*.dat"))))
digest = hashlib.sha256()
for path in sorted(pathlib.Path("tree").rglob("*.txt")):
    digest.update(str(path).encode() + path.read_bytes())
print(digest.hexdigest())
for path in pathlib.Path("tree").rglob("*.dat"):
    path.rename(path.with_suffix(".bin"))
for folder in range(0, 10, 2):
    shutil.rmtree(f"tree/{folder}")
shutil.copytree("tree/1", "copy")
print(sum(len(files) for _, _, files in os.walk(".")))
