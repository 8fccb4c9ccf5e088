# Runs in the guest. Uses all vectors of a served device through the guest's vfio-pci.
set -e
vfio bind $VFIO_LAB_SERVED
exec node dist/test/lab/host/served/vectors.js
