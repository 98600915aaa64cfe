# date, touch and TZ, with the host's time zones.
set -e
for zone in UTC Europe/Berlin America/Sao_Paulo Asia/Tokyo Australia/Lord_Howe EST5EDT; do TZ=$zone date -d @1720000000 '+%F %T %Z %z'; done
date -u -d '2024-02-28 + 2 days' +%A; date -d '2024-03-31 00:30 UTC' -R; date -d @0 --iso-8601=ns; date -d 'TZ="Asia/Kolkata" 2024-01-01 12:00' -u +%c
touch -d '1999-12-31 23:59:59 UTC' old; touch -t 202401020304.05 new; TZ=UTC stat -c %y old; ls -l --time-style=+%s old | awk '{ print $6 }'
test new -nt old && echo newer; find . -newermt 2023-01-01 -name new; date -r old -u +%Y; [ $(date +%s) -gt 1700000000 ] && echo "clock runs"
LC_ALL=C date -d @86400 -u; LC_TIME=de_DE.UTF-8 date -d @86400 -u +%B; date +%Q; date -d nonsense 2>&1 || true
s=$EPOCHREALTIME; sleep 0.02; e=$EPOCHREALTIME; [[ $e > $s ]] && echo "time passes"; cat /etc/timezone 2>/dev/null || echo none; date -d @0 +%Z
