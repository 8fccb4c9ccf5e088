# Runs in the guest. The guest's own driver nvme uses a served device. Each check prints one line.
set -e
device=/sys/bus/pci/devices/$VFIO_LAB_SERVED
disk=/dev/nvme0n1
data=/tmp/data

# Compares the first MiB of the disk with the data that were written.
compare() {
  dd if=$disk bs=1M count=$1 iflag=direct status=none | cmp -n $(($1 << 20)) - $data
}
write() {
  dd if=/dev/urandom of=$data bs=1M count=64 status=none
  dd if=$data of=$disk bs=1M oflag=direct status=none
}
# The number of interrupts of a queue that a CPU has received.
interrupts() {
  awk -v name=nvme0q$1 -v column=$(($2 + 2)) '$NF == name { print $column }' /proc/interrupts
}
domain() {
  echo $VFIO_LAB_SERVED >$device/driver/unbind
  [ ! -e $disk ]
  echo $1 >$device/iommu_group/type
  echo $VFIO_LAB_SERVED >/sys/bus/pci/drivers_probe
}

echo "MSI-X: $(lspci -vs $VFIO_LAB_SERVED | sed -n 's/.*MSI-X: //p')"

write
compare 64
echo "written and read: 64 MiB, domain $(cat $device/iommu_group/type)"

for cpu in 0 1; do
  queue=$((cpu + 1))
  before=$(interrupts $queue $cpu)
  taskset -c $cpu dd if=$disk of=/dev/null bs=4k count=16 iflag=direct status=none
  echo "queue $queue on CPU $cpu: $(($(interrupts $queue $cpu) - before)) interrupts"
done

echo 1 >/sys/class/nvme/nvme0/reset_controller
compare 4
echo 'controller reset: same data'

echo 1 >$device/reset
compare 4
echo 'FLR: same data'

domain identity
compare 64
write
compare 64
echo "unbind and bind: same data, domain $(cat $device/iommu_group/type)"

mkfs.ext4 -q $disk
mkdir /tmp/mounted
mount $disk /tmp/mounted
head -c 8M $data >/tmp/mounted/file
umount /tmp/mounted
e2fsck -fn $disk >/dev/null 2>&1
mount -o ro $disk /tmp/mounted
cmp -n $((8 << 20)) /tmp/mounted/file $data
umount /tmp/mounted
echo 'file system: same data'

# The host ends this guest while the disk is written.
echo busy
while dd if=$data of=$disk bs=64k oflag=direct status=none; do :; done
