"""logging: to a file, rotated, from threads and from a forked child, with a configuration and exceptions."""
import logging
import logging.config
import logging.handlers
import os
import threading

logging.config.dictConfig({
    "version": 1,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "file": {"class": "logging.FileHandler", "filename": "program.log", "formatter": "plain"},
        "screen": {"class": "logging.StreamHandler", "formatter": "plain", "level": "WARNING"},
        "rotated": {"class": "logging.handlers.RotatingFileHandler", "filename": "rotated.log", "maxBytes": 1000,
                    "backupCount": 3, "formatter": "plain"},
    },
    "root": {"handlers": ["file", "screen", "rotated"], "level": "DEBUG"},
})
log = logging.getLogger("case")
for number in range(100):
    log.info("entry %d", number)
thread = threading.Thread(target=log.warning, args=("from a thread",))
thread.start()
thread.join()
if (child := os.fork()) == 0:
    log.warning("from a child")
    logging.shutdown()
    os._exit(0)
os.waitpid(child, 0)
try:
    {}["missing"]
except KeyError:
    log.exception("an exception")
logging.shutdown()
print(sorted(name for name in os.listdir(".") if ".log" in name), len(open("program.log").readlines()))
