# Runs in the guest. The guest's own driver idxd uses a virtual DSA. The script performs the commands
# of its standard input, and answers each command by one line. The descriptors and their memory are
# in a part of the RAM that the kernel does not use. The emulated CPU has no MOVDIR64B, so the script
# writes descriptors by 8-byte stores.
set -e
device=/sys/bus/pci/devices/$VFIO_LAB_SERVED
dsa=/sys/bus/dsa
record=0x1f800000
source=0x1f801000
target=0x1f802000

bar() { awk -v line=$(($1 + 1)) 'NR == line { print $1 }' $device/resource; }
registers=$(bar 0)
portal=$(bar 2)

peek() { busybox devmem $1 $2; }
poke() { busybox devmem $1 $2 $3; }
interrupts() { awk '$NF == "idxd-portal" { print $2 }' /proc/interrupts; }

enable() {
  wq=$dsa/devices/dsa0/wq0.0
  echo 0 >$dsa/devices/dsa0/engine0.0/group_id
  echo 0 >$wq/group_id
  echo dedicated >$wq/mode
  echo 16 >$wq/size
  echo 10 >$wq/priority
  echo kernel >$wq/type
  echo test >$wq/name
  echo dmaengine >$wq/driver_name
  echo dsa0 >$dsa/drivers/idxd/bind
  echo wq0.0 >$dsa/drivers/dmaengine/bind
  echo "device $(cat $dsa/devices/dsa0/state), queue $(cat $wq/state)"
}

# Submits a descriptor. Arguments: operation, handle, size.
submit() {
  poke $record 64 0
  set -- $(($1 << 56 | 0x1c << 32)) $((record)) $((source)) $((target)) $(($2 << 32 | $3)) 0 0 0
  at=$((portal))
  for word; do
    poke $at 64 $word
    at=$((at + 8))
  done
  until [ $(peek $record 8) != 0x00 ]; do :; done
}

enable
while read -r command argument size; do
  case $command in
  forge)
    submit 0 $argument 0
    echo "status $(peek $record 8)"
    ;;
  noop | move)
    before=$(interrupts)
    operation=0
    [ $command = noop ] || operation=3
    submit $operation $argument ${size:-0}
    # The interrupt arrives after the record.
    until [ $(interrupts) -gt $before ]; do :; done
    echo "status $(peek $record 8), interrupts $(($(interrupts) - before))"
    ;;
  count) echo "interrupts $(interrupts)" ;;
  fill)
    poke $source 64 $argument
    poke $target 64 0
    echo filled
    ;;
  target) echo "target $(peek $target 64)" ;;
  perm)
    poke $((registers + 0x5008)) 32 $argument
    echo "perm $(peek $((registers + 0x5008)) 32)"
    ;;
  rebind)
    # If a queue is enabled during the unbind, idxd of Linux 6.12 uses memory that is already freed.
    echo wq0.0 >$dsa/drivers/dmaengine/unbind
    echo dsa0 >$dsa/drivers/idxd/unbind
    echo $VFIO_LAB_SERVED >$device/driver/unbind
    echo $VFIO_LAB_SERVED >/sys/bus/pci/drivers/idxd/bind
    enable
    ;;
  end) exit 0 ;;
  esac
done
