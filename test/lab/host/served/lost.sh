# Runs in the guest. The host ends the server of the disk after the line `ready`, and then the input.
# Until then, the guest is idle: QEMU 11.1 aborts if the server ends while a read waits for its reply.
set -e
device=/sys/bus/pci/devices/$VFIO_LAB_SERVED
disk=/dev/nvme0n1

dd if=/dev/urandom of=/tmp/data bs=1M count=4 status=none
dd if=/tmp/data of=$disk bs=1M oflag=direct status=none
dd if=$disk bs=1M count=4 iflag=direct status=none | cmp - /tmp/data
echo 'second guest: same data'

echo ready
cat
until [ "$(od -An -tx2 -N2 $device/config)" = ' ffff' ]; do sleep 0.1; done
echo 'configuration space: all ones'
# The reset fails, because the registers of the controller are all ones.
if echo 1 >/sys/class/nvme/nvme0/reset_controller; then exit 1; fi
echo "controller reset: failed, blocks of the disk: $(cat /sys/class/block/nvme0n1/size)"
