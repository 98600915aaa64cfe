# What /sys tells about the hardware.
ls /sys/class | head -3; lscpu | head -1; cat /sys/devices/system/cpu/online
