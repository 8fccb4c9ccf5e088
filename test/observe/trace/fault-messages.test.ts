import test from 'ava';
import { FaultMessages } from '../../../lib/observe/trace/fault-messages.js';

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
    t.deepEqual(new FaultMessages().add(message), { device, text });
  });
}

test('an event of an SMMUv3 is a DMA fault after its last word', (t) => {
  const messages = new FaultMessages();
  const add = (text: string) => messages.add(`arm-smmu-v3 9050000.smmuv3: ${text}`);
  const words = (flags: string) =>
    ['0x0000020000000010', flags, '0x0000000010000000', '0x0000000000000000'].map((word) =>
      add(`\\x09${word}`),
    );
  t.is(add('event 0x10 received:'), null);
  t.deepEqual(words('0x0000020800000000'), [
    null,
    null,
    null,
    { device: '02:00.0', text: 'read of 0x10000000: translation fault of the SMMU' },
  ]);
  t.deepEqual(words('0x0000020800000000'), [null, null, null, null], 'words without an event');
  add('event 0x13 received:');
  const [event, ...rest] = ['0x0000020000000013', '0x0', '0x1', '0x0'].map(
    (word) => `\t0x${word.slice(2).padStart(16, '0')}`,
  );
  add(event ?? '');
  messages.add('arm-smmu-v3 9060000.smmuv3: event 0x10 received:');
  messages.add(`arm-smmu-v3 9060000.smmuv3: ${event}`);
  t.is(rest.map(add).at(-1)?.text, 'write to 0x1: permission fault of the SMMU');
  add('event 0x02 received:');
  const unknown = ['\t0x0000020000000002', ...rest].map(add);
  t.deepEqual(unknown, [null, null, null, null], 'an event without a transfer');
  add('event 0x10 received:');
  t.is(
    words('0x0000020000000000').at(-1)?.text,
    'write to 0x10000000: translation fault of the SMMU',
  );
});

test('other messages of the kernel are no DMA faults', (t) => {
  for (const message of [
    'DMAR: Hardware identity mapping for device 0000:00:1f.0',
    'vfio-pci 0000:01:00.0: enabling device (0400 -> 0402)',
    'arm-smmu-v3 9050000.smmuv3: msi_domain absent - falling back to wired irqs',
  ]) {
    t.is(new FaultMessages().add(message), null);
  }
});
