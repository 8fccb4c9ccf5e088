import test from 'ava';
import { parseFault } from '../../../lib/observe/trace/kernel-faults.js';

for (const [message, device, text] of [
  [
    'DMAR: [DMA Write NO_PASID] Request device [00:04.0] fault addr 0xdead0000 [fault reason 0x05] PTE Write access is not set',
    '00:04.0',
    'write to 0xdead0000: PTE Write access is not set',
  ],
  [
    'DMAR: [DMA Read] Request device [01:00.1] PASID ffffffff fault addr dead1000 [fault reason 06] PTE Read access is not set',
    '01:00.1',
    'read of 0xdead1000: PTE Read access is not set',
  ],
  [
    'vfio-pci 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000f address=0xdead0000 flags=0x0020]',
    '0000:01:00.0',
    'write to 0xdead0000: page fault of the IOMMU',
  ],
  [
    'AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x000a address=0xdead0000 flags=0x0000]',
    '01:00.0',
    'read of 0xdead0000: page fault of the IOMMU',
  ],
] as const) {
  test(`a message of the kernel is a DMA fault: ${message.slice(0, 50)}`, (t) => {
    t.deepEqual(parseFault(message), { device, text });
  });
}

test('other messages of the kernel are no DMA faults', (t) => {
  t.is(parseFault('DMAR: Hardware identity mapping for device 0000:00:1f.0'), null);
  t.is(parseFault('vfio-pci 0000:01:00.0: enabling device (0400 -> 0402)'), null);
});
