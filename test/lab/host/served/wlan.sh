# Runs in the guest. Uses the private sources of the served wireless card through the guest's
# vfio-pci, which lets the program read its own messages.
set -e
vfio bind $VFIO_LAB_SERVED
exec node dist/test/lab/host/served/wlan.js
