# Runs in the guest of bench:serve --guest. Reads from QEMU's NVMe and from the served NVMe in turns.
# Arguments: <rounds> <seconds of each measurement>. Prints a line for each measurement: the disk, the
# queue depth and the report of fio.
set -e
command -v fio >/dev/null || {
  echo 'bench:serve --guest needs fio: apt-get install fio' >&2
  exit 1
}
# The disk of a PCI function.
disk_of() {
  for namespace in /sys/bus/pci/devices/$1/nvme/nvme*/nvme*n1; do
    echo /dev/${namespace##*/}
  done
}
wait_for() {
  until [ -b "$(disk_of $1)" ]; do sleep 0.1; done
}
own=0000:00:08.0
wait_for $own
wait_for $VFIO_LAB_SERVED
own_disk=$(disk_of $own)
served_disk=$(disk_of $VFIO_LAB_SERVED)
for disk in $own_disk $served_disk; do
  dd if=/dev/urandom of=$disk bs=1M count=64 oflag=direct status=none
done

measure() {
  report=$(fio --name=reads --filename=$2 --direct=1 --rw=randread --bs=4k --ioengine=libaio \
    --iodepth=$3 --time_based --runtime=$4 --ramp_time=1 --output-format=json)
  echo "$1 $3 $(echo "$report" | tr -d '\n')"
}
round=0
while [ $round -lt $1 ]; do
  for depth in 1 32; do
    measure QEMU $own_disk $depth $2
    measure mock:nvme $served_disk $depth $2
  done
  round=$((round + 1))
done
