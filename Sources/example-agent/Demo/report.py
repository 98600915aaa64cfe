"""What an agent could have written a second ago: useful first, then three things that it has no business doing."""
import csv
import json
import socket
import sys
import time
from collections import defaultdict

totals = defaultdict(float)
with open("sales.csv", newline="") as file:
    for row in csv.DictReader(file):
        totals[row["region"]] += int(row["units"]) * float(row["price"])
for region, total in sorted(totals.items()):
    print(f"{region:<8}{total:>12.2f}", flush=True)
    time.sleep(0.1)  # so that you can see that output arrives while the command runs

with open("result.json", "w") as file:
    json.dump({region: round(total, 2) for region, total in sorted(totals.items())}, file, indent=2)
    file.write("\n")
print("result.json written", flush=True)


def attempt(what, action):
    try:
        action()
    except OSError as error:
        print(f"stopped: {what}: {error}", flush=True)
    else:
        sys.exit(f"NOT STOPPED: {what}")


attempt("read /etc/shadow", lambda: open("/etc/shadow").read())
attempt("connect to 192.0.2.1:443", lambda: socket.create_connection(("192.0.2.1", 443), timeout=2))
attempt("write /usr/local/bin/tool", lambda: open("/usr/local/bin/tool", "w"))
