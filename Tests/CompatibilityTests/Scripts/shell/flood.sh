# 50 MB of text on stdout and 1 MB on stderr.
seq 1 10000000 | head -c 50000000 & seq 1 1000000 | head -c 1000000 >&2; wait
