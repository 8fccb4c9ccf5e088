import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { fakeKernel, runChild } from './helpers.js';

const kernel = fakeKernel();

interface Sent {
  fd: number;
  request: string;
  sent: string;
}

/**
 * Runs `program` on the fake kernel. The program can use `fd`. @returns the ioctls that the program
 * sent, and the output of the program
 */
async function trace(
  program: string,
  environment: Record<string, string> = {},
): Promise<{ sent: string[]; output: string[] }> {
  writeFileSync(kernel.VFIO_TEST_LOG, '');
  const { code, signal, output } = await runChild(
    `import { closeSync, readlinkSync } from 'node:fs';
     const native = await load();
     const show = (value) => output(JSON.stringify(value, (_, v) => typeof v === 'bigint' ? v + 'n' : v) ?? 'undefined');
     const fd = native.open('/dev/zero', true);
     ${program}`,
    { ...kernel, ...environment },
  );
  if (code !== 0) throw new Error(`exit ${code ?? signal ?? ''}: ${output}`);
  const lines = readFileSync(kernel.VFIO_TEST_LOG, 'utf8').trimEnd().split('\n');
  return {
    sent: lines.map((line) => {
      const { request, sent } = JSON.parse(line) as Sent;
      return `${request} ${sent}`.trimEnd();
    }),
    output: output.trimEnd().split('\n'),
  };
}

/**
 * The bytes of a structure in hex. A number stands for a u32 member, a bigint for a u64 member, and
 * [n, size] for a member of `size` bytes.
 */
function struct(...members: (number | bigint | [value: number, size: 1 | 2])[]): string {
  return members
    .map((member) => {
      const [value, size] = Array.isArray(member)
        ? [BigInt(member[0]), member[1]]
        : [BigInt(member), typeof member === 'bigint' ? 8 : 4];
      const big = BigInt.asUintN(size * 8, value)
        .toString(16)
        .padStart(size * 2, '0');
      return big.match(/../g)?.reverse().join('') ?? '';
    })
    .join('');
}

test.serial('the ioctls for a container and a group contain the expected data', async (t) => {
  const { sent, output } = await trace(`
    show(native.containerGetApiVersion(fd));
    show(native.containerCheckExtension(fd, 3));
    native.containerSetIommu(fd, 3);
    show(native.containerGetInfo(fd));
    native.containerMapDma(fd, 3, 0x1122334455667788n, 0x100000000n, 0x2000n);
    show(await native.containerMapDmaAsync(fd, 1, 0x5000n, 0x6000n, 0x7000n));
    show(native.containerUnmapDma(fd, 2, 0x6000n, 0x7000n));
    show(native.groupGetStatus(fd));
    native.groupSetContainer(fd, 77);
    native.groupUnsetContainer(fd);
    const devices = [
      native.groupGetDeviceFd(fd, '0000:01:00.0 vf_token=x'),
      await native.groupGetDeviceFdAsync(fd, '0000:01:00.1'),
    ];
    for (const device of devices) {
      show(readlinkSync('/proc/self/fd/' + device));
      native.close(device);
    }`);
  t.deepEqual(sent, [
    '3b64',
    '3b65 3',
    '3b66 3',
    `3b70 ${struct(24, 0, 0n, 0, 0)}`,
    `3b71 ${struct(32, 3, 0x1122334455667788n, 0x100000000n, 0x2000n)}`,
    `3b71 ${struct(32, 1, 0x5000n, 0x6000n, 0x7000n)}`,
    `3b72 ${struct(24, 2, 0x6000n, 0x7000n)}`,
    `3b67 ${struct(8, 0)}`,
    '3b68 77',
    '3b69',
    '3b6a 0000:01:00.0 vf_token=x',
    '3b6a 0000:01:00.1',
  ]);
  t.deepEqual(output, [
    '0',
    '1',
    '{"pageSizes":"1075843072n","ranges":[],"dmaAvailable":null}',
    'undefined',
    '"14336n"',
    '3',
    '"/dev/null"',
    '"/dev/null"',
  ]);
});

test.serial('the ioctls for a device contain the expected data', async (t) => {
  const { sent, output } = await trace(`
    show(native.deviceGetInfo(fd));
    show(native.deviceGetRegionInfo(fd, 4));
    show(native.deviceGetIrqInfo(fd, 2));
    show(native.deviceSetIrqs(fd, 28, 36, 2, 5, 2, Uint8Array.of(9, 0, 0, 0, 255, 255, 255, 255)));
    show(native.deviceSetIrqs(fd, 20, 33, 1, 0, 32, new Uint8Array(0)));
    const data = Uint8Array.of(1, 2, 3);
    show(native.deviceFeature(fd, (1 << 17) | 4, data));
    show([...data]);
    show(native.deviceFeature(fd, (1 << 16) | 9, data));
    show([...data]);
    const dmabuf = native.deviceFeature(fd, (1 << 16) | 11, new Uint8Array(16));
    show(readlinkSync('/proc/self/fd/' + dmabuf));
    closeSync(dmabuf);
    const eventfd = native.eventfdCreate();
    show(eventfd === dmabuf);
    native.eventfdSignal(eventfd);
    native.deviceReset(fd);
    show(await native.deviceResetAsync(fd));
    show(native.deviceGetPciHotResetInfo(fd));
    native.devicePciHotReset(fd, [4, 5, -1]);
    native.devicePciHotReset(fd, []);
    native.deviceIoeventfd(fd, 4, 0x20000000010n, 0xffffffffffffffffn, -1);`);
  const hotResetSize = 12 + 256 * 8;
  t.deepEqual(sent, [
    `3b6b ${struct(20, 0, 0, 0, 0)}`,
    `3b6c ${struct(32, 0, 4, 0, 0n, 0n)}`,
    `3b6c ${struct(40, 0, 4, 0, 0n, 0n, 0n)}`,
    `3b6d ${struct(16, 0, 2, 0)}`,
    `3b6e ${struct(28, 36, 2, 5, 2, 9, -1)}`,
    `3b6e ${struct(20, 33, 1, 0, 32)}`,
    `3b75 ${struct(11, (1 << 17) | 4)}010203`,
    `3b75 ${struct(11, (1 << 16) | 9)}010203`,
    `3b75 ${struct(24, (1 << 16) | 11, 0n, 0n)}`,
    '3b6f',
    '3b6f',
    `3b70 ${struct(hotResetSize, 0, 0)}${'00'.repeat(hotResetSize - 12)}`,
    `3b71 ${struct(24, 0, 3, 4, 5, -1)}`,
    `3b71 ${struct(12, 0, 0)}`,
    `3b74 ${struct(32, 4, 0x20000000010n, 0xffffffffffffffffn, -1, 0)}`,
  ]);
  t.deepEqual(output, [
    '{"flags":2,"numRegions":9,"numIrqs":5}',
    '{"flags":9,"size":"16384n","offset":"4398046511104n","capabilities":[{"id":3,"version":1}]}',
    '{"flags":9,"count":32}',
    '0',
    '1',
    '0',
    '[1,2,3]',
    '0',
    '[171,171,171]',
    '"/dev/null"',
    'true',
    'undefined',
    '{"flags":1,"devices":[10,1,2,3,11,4,5,6]}',
  ]);
});

test.serial(
  'the ioctls for a character device and an iommufd contain the expected data',
  async (t) => {
    const { sent, output } = await trace(`
    const token = Uint8Array.from({ length: 16 }, (_, i) => i);
    show(native.deviceBindIommufd(fd, 55, null));
    show(native.deviceBindIommufd(fd, 55, token));
    show(await native.deviceBindIommufdAsync(fd, fd, token));
    show(native.deviceAttachPt(fd, 3, null));
    show(native.deviceAttachPt(fd, 3, 0));
    native.deviceDetachPt(fd, null);
    native.deviceDetachPt(fd, 0xfffff);
    native.iommufdDestroy(fd, 8);
    show(native.iommufdIoasAlloc(fd));
    native.iommufdIoasMap(fd, 7, 6, 0x1000n, 0x2000n, 0x3000n);
    show(await native.iommufdIoasMapAsync(fd, 7, 1, 0x4000n, 0x5000n, 0x6000n));
    native.iommufdIoasMapFile(fd, 7, 6, 55, 0x1000n, 0x2000n, 0x3000n);
    show(await native.iommufdIoasMapFileAsync(fd, 7, 1, fd, 0x4000n, 0x5000n, 0x6000n));
    show(native.iommufdIoasUnmap(fd, 7, 0x2000n, 0x3000n));
    show(native.iommufdHwptAlloc(fd, 8, 17, 7));
    show(native.iommufdIoasIovaRanges(fd, 7));`);
    const token = '000102030405060708090a0b0c0d0e0f';
    // The fd of the asynchronous call and the address of the ranges array are different in each run.
    const bindAsync = sent[2] ?? '';
    t.regex(bindAsync, new RegExp(`^3b76 ${struct(24, 1)}[0-9a-f]{8}${struct(0)} token ${token}$`));
    const mapFileAsync = sent[12] ?? '';
    const [before, after] = [struct(40, 1, 7), struct(0x4000n, 0x6000n, 0x5000n)];
    t.regex(mapFileAsync, new RegExp(`^3b8f ${before}[0-9a-f]{8}${after}$`));
    const ranges = sent.pop() ?? '';
    t.regex(ranges, new RegExp(`^3b84 ${struct(32, 7, 16, 0)}[0-9a-f]{16}${struct(0n)}$`));
    t.deepEqual(sent, [
      `3b76 ${struct(16, 0, 55, 0)}`,
      `3b76 ${struct(24, 1, 55, 0)} token ${token}`,
      bindAsync,
      `3b77 ${struct(12, 0, 3)}`,
      `3b77 ${struct(16, 1, 3, 0)}`,
      `3b78 ${struct(8, 0)}`,
      `3b78 ${struct(12, 1, 0xfffff)}`,
      `3b80 ${struct(8, 8)}`,
      `3b81 ${struct(12, 0, 0)}`,
      `3b85 ${struct(40, 6, 7, 0, 0x1000n, 0x3000n, 0x2000n)}`,
      `3b85 ${struct(40, 1, 7, 0, 0x4000n, 0x6000n, 0x5000n)}`,
      `3b8f ${struct(40, 6, 7, 55, 0x1000n, 0x3000n, 0x2000n)}`,
      mapFileAsync,
      `3b86 ${struct(24, 7, 0x2000n, 0x3000n)}`,
      `3b89 ${struct(48, 8, 17, 7, 0, 0, 0, 0, 0n, 0, 0)}`,
    ]);
    t.deepEqual(output, [
      '17',
      '17',
      '17',
      '103',
      '103',
      '7',
      'undefined',
      'undefined',
      '"6144n"',
      '9',
      '{"ranges":["4096n","1048575n"],"alignment":"4096n"}',
    ]);
  },
);

test.serial('a failed ioctl throws an error with its name and errno', async (t) => {
  const calls: [request: string, syscall: string, call: string][] = [
    ['3b64', 'VFIO_GET_API_VERSION', 'containerGetApiVersion(fd)'],
    ['3b65', 'VFIO_CHECK_EXTENSION', 'containerCheckExtension(fd, 1)'],
    ['3b66', 'VFIO_SET_IOMMU', 'containerSetIommu(fd, 1)'],
    ['3b67', 'VFIO_GROUP_GET_STATUS', 'groupGetStatus(fd)'],
    ['3b68', 'VFIO_GROUP_SET_CONTAINER', 'groupSetContainer(fd, 1)'],
    ['3b69', 'VFIO_GROUP_UNSET_CONTAINER', 'groupUnsetContainer(fd)'],
    ['3b6a', 'VFIO_GROUP_GET_DEVICE_FD', "groupGetDeviceFd(fd, 'x')"],
    ['3b6a', 'VFIO_GROUP_GET_DEVICE_FD', "groupGetDeviceFdAsync(fd, 'x')"],
    ['3b6b', 'VFIO_DEVICE_GET_INFO', 'deviceGetInfo(fd)'],
    ['3b6c', 'VFIO_DEVICE_GET_REGION_INFO', 'deviceGetRegionInfo(fd, 0)'],
    ['3b6d', 'VFIO_DEVICE_GET_IRQ_INFO', 'deviceGetIrqInfo(fd, 0)'],
    ['3b6e', 'VFIO_DEVICE_SET_IRQS', 'deviceSetIrqs(fd, 20, 0, 0, 0, 0, new Uint8Array(0))'],
    ['3b6f', 'VFIO_DEVICE_RESET', 'deviceReset(fd)'],
    ['3b6f', 'VFIO_DEVICE_RESET', 'deviceResetAsync(fd)'],
    ['3b70', 'VFIO_IOMMU_GET_INFO', 'containerGetInfo(fd)'],
    ['3b70', 'VFIO_DEVICE_GET_PCI_HOT_RESET_INFO', 'deviceGetPciHotResetInfo(fd)'],
    ['3b71', 'VFIO_IOMMU_MAP_DMA', 'containerMapDma(fd, 0, 0n, 0n, 0n)'],
    ['3b71', 'VFIO_IOMMU_MAP_DMA', 'containerMapDmaAsync(fd, 0, 0n, 0n, 0n)'],
    ['3b71', 'VFIO_DEVICE_PCI_HOT_RESET', 'devicePciHotReset(fd, [])'],
    ['3b72', 'VFIO_IOMMU_UNMAP_DMA', 'containerUnmapDma(fd, 0, 0n, 0n)'],
    ['3b74', 'VFIO_DEVICE_IOEVENTFD', 'deviceIoeventfd(fd, 0, 0n, 0n, -1)'],
    ['3b75', 'VFIO_DEVICE_FEATURE', 'deviceFeature(fd, 0, new Uint8Array(0))'],
    ['3b76', 'VFIO_DEVICE_BIND_IOMMUFD', 'deviceBindIommufd(fd, 1, null)'],
    ['3b76', 'VFIO_DEVICE_BIND_IOMMUFD', 'deviceBindIommufdAsync(fd, 1, null)'],
    ['3b77', 'VFIO_DEVICE_ATTACH_IOMMUFD_PT', 'deviceAttachPt(fd, 1, null)'],
    ['3b78', 'VFIO_DEVICE_DETACH_IOMMUFD_PT', 'deviceDetachPt(fd, null)'],
    ['3b80', 'IOMMU_DESTROY', 'iommufdDestroy(fd, 1)'],
    ['3b81', 'IOMMU_IOAS_ALLOC', 'iommufdIoasAlloc(fd)'],
    ['3b84', 'IOMMU_IOAS_IOVA_RANGES', 'iommufdIoasIovaRanges(fd, 1)'],
    ['3b85', 'IOMMU_IOAS_MAP', 'iommufdIoasMap(fd, 1, 0, 0n, 0n, 0n)'],
    ['3b85', 'IOMMU_IOAS_MAP', 'iommufdIoasMapAsync(fd, 1, 0, 0n, 0n, 0n)'],
    ['3b8f', 'IOMMU_IOAS_MAP_FILE', 'iommufdIoasMapFile(fd, 1, 0, fd, 0n, 0n, 0n)'],
    ['3b8f', 'IOMMU_IOAS_MAP_FILE', 'iommufdIoasMapFileAsync(fd, 1, 0, fd, 0n, 0n, 0n)'],
    ['3b86', 'IOMMU_IOAS_UNMAP', 'iommufdIoasUnmap(fd, 1, 0n, 0n)'],
    ['3b89', 'IOMMU_HWPT_ALLOC', 'iommufdHwptAlloc(fd, 0, 1, 1)'],
  ];
  // One process can make all calls, because the fake kernel reads VFIO_TEST_FAIL at each call.
  const program = calls
    .map(
      ([request, , call]) => `
        process.env.VFIO_TEST_FAIL = '${request}:524';
        try { await native.${call}; output('no error'); }
        catch (error) { output([error.name, error.code, error.errno, error.syscall].join(' ')); }`,
    )
    .join('');
  const { output } = await trace(program);
  t.deepEqual(
    output,
    calls.map(([, syscall]) => `VfioError ENOTSUPP -524 ${syscall}`),
  );
});

test.serial('the number of a closed fd stays in use until running calls have ended', async (t) => {
  const { output } = await trace(
    `const device = native.duplicate(fd);
     const reset = native.deviceResetAsync(device);
     native.close(device);
     const other = native.duplicate(fd);
     output(other === device ? 'reused' : 'kept');
     await reset;
     output(native.duplicate(fd) === device ? 'free' : 'still kept');`,
    { VFIO_TEST_SLEEP: '3b6f:200' },
  );
  t.deepEqual(output, ['kept', 'free']);
});

test.serial('an asynchronous call does not block the event loop', async (t) => {
  const { output } = await trace(
    `const reset = native.deviceResetAsync(fd).then(() => output('reset'));
     setTimeout(() => output('timer'), 1);
     await reset;`,
    { VFIO_TEST_SLEEP: '3b6f:200' },
  );
  t.deepEqual(output, ['timer', 'reset']);
});
