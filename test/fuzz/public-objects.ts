// The public functions and objects of vfio/mock that test/fuzz/arguments.test.ts calls.
import type * as mockApi from 'vfio/mock';
import { PAGE_SIZE } from '../../lib/checks.js';
import { LAYOUT, STORE } from '../virtual/message/wlan.js';
import { exportTargets, type GoodArguments, objectTarget, type World } from './targets.js';

export type Api = typeof mockApi;

const PLACE = { table: { bar: 0, offset: 0x2000 }, pba: { bar: 0, offset: 0x3000 } };
const MESSAGE = { address: 0xfee0_0000n, data: 0x4041 };
const MEMORY_LAYOUT = {
  ...{ name: 'memory', stride: 16, addressLow: 0, addressHigh: 4, data: 8 },
  mask: { offset: 12, bits: 1 },
  pending: { offset: 12, bits: 2 },
  cookie: { offset: 12, enable: 8, shift: 12, width: 20 },
};
const LOOPBACK = { index: 2, flags: 0x21, start: 0, count: 1 };
export const BIND = { index: 2, flags: 0x24, start: 0, count: 1 };

/** Number of models that `registerModel()` was called with. Each model needs its own name. */
let models = 0;

const hosts: object[] = [];

/** Returns the host of a model, which the model keeps when its device is opened. */
function hostOf(api: Api): object {
  const [known] = hosts;
  if (known !== undefined) return known;
  const shape = { vendorId: 1, deviceId: 2, classCode: 3, bars: [] };
  const create = (given: object) => {
    hosts.push(given);
    return { registers: {}, reset: () => undefined };
  };
  api.registerModel({ name: 'arguments', shape, create });
  api.openDeviceSync('mock:arguments').close();
  return hostOf(api);
}

/** Opens mock devices, and creates an object of each public class. */
export function createWorld(api: Api): World {
  const device = api.openDeviceSync('mock:nvme#arguments');
  const wlan = api.openDeviceSync('mock:wlan#arguments?novirt=on&kernel=6.12');
  const control = api.mockControl('mock:nvme#arguments');
  for (const one of [device, wlan]) one.config.update('command', { memory: 1, bus_master: 1 });
  const { connection, dma, interrupts } = device;
  const buffer = dma.allocateSync(PAGE_SIZE);
  const memory = connection.addressSpace.allocate(PAGE_SIZE, false);
  const window = device.bar(0).map();
  const vector = interrupts.msix.request(0);
  const eventfd = device.createEventfd();
  const events = connection.createEventSet(8);
  wlan.messages.novirt.enable();
  const intxDevice = api.openDeviceSync('mock:edu#arguments');
  const line = intxDevice.interrupts.intx.request();
  const store = new api.MessageStore(wlan, {
    layout: LAYOUT,
    entries: 32,
    place: { region: 0, offset: STORE },
  });
  const target = wlan.dma.allocateSync(PAGE_SIZE);
  const windowOptions = {
    place: { region: 0, offset: 0, size: 0x100 },
    guest: () => ({ ...MESSAGE, vectors: 1 }),
    ...({ index: 'msi', highBits: 0xff, page: () => 0 } as const),
  };
  const windowRewriter = new api.WindowRewriter(wlan, windowOptions);
  const recognize = api.recognizeMsi(() => MESSAGE, 32);
  const rewriter = new api.MessageRewriter({ store, recognize, unmatched: 'pass' });
  const sources = new api.PrivateSources(wlan, { store, spare: { index: 'msi', vectors: [1, 2] } });
  const budget = new api.Budget({ quota: { slots: 64 }, cpus: { ids: [0, 1], vectors: 32 } });
  const account = budget.account('guest');
  const charge = account.chargeVector();
  const hostVectors = new api.DeviceHostVectors(intxDevice.connection, {
    message: () => MESSAGE,
    index: 'msi',
  });
  const virtual = { vectors: 8, ...PLACE };
  const storage = api.memoryStorage(new Uint8Array(1024));
  const physicalDevice = api.openDeviceSync('mock:nvme#physical');
  const physical = new api.PhysicalSource(physicalDevice.connection);
  const vectorsOfDevice = new api.DeviceHostVectors(physicalDevice.connection, {
    message: () => MESSAGE,
  });
  const domain = new api.ImsDomain({
    layout: MEMORY_LAYOUT,
    storage,
    hostVectors: vectorsOfDevice,
  });
  const slot = domain.allocate();
  const interrupt = vectorsOfDevice.allocate(physicalDevice.createEventfd());
  const hostVector = domain.allocateVector(physicalDevice.createEventfd());
  const pasids = new api.PasidMap(1);
  const dsa = api.openDeviceSync('mock:dsa');
  const createdSpace = dsa.createAddressSpace();
  const ims = new api.ImsSource(domain, { count: 8, pasids });
  const msix = new api.VirtualMsix(virtual);
  const software = new api.SoftwareSource(msix);
  software.emulate(0, 2);
  const perm = new api.MsixPerm({ vectors: 8, pasids, target: msix });
  const msi = new api.VirtualMsi({ vectors: 8, maskable: true });
  const softwareOfMsi = new api.SoftwareSource(msi);
  softwareOfMsi.emulate(0, 8);
  const intx = new api.VirtualIntx(connection);
  const req = new api.VirtualReq();
  const irqs = new api.VirtualIrqs({ intx, msi, msix: new api.VirtualMsix(virtual), req });

  const registers = api.defineRegisters('card', {
    control: { offset: 0x14, width: 4, fields: { enable: 0, size: [19, 16] } },
    doorbell: { offset: 0x1000, width: 4, access: 'wo', count: 2, stride: 8 },
  });
  const accessors = registers.on(window);
  const struct = api.defineStruct('entry', { a: 'u32', b: { type: 'u16', count: 2 } });
  const list = api.defineStruct('list', { entries: { type: struct, count: 2 } });
  const pool = dma.createPool(64);
  const piece = pool.allocate();

  const named: Readonly<Record<string, object>> = {
    PciDevice: device,
    ConfigSpace: device.config,
    DmaSpace: dma,
    DmaBuffer: buffer,
    DmaBuf: device.bar(0).exportDmaBuf(),
    Region: device.bar(0),
    Interrupts: interrupts,
    Intx: interrupts.intx,
    VectorIndex: interrupts.msix,
    SingleIrq: interrupts.err,
    Vector: vector,
    IntxVector: line,
    Messages: wlan.messages,
    Novirt: wlan.messages.novirt,
    Features: device.features,
    DeviceConnection: connection,
    DeviceHost: hostOf(api),
    AddressSpace: connection.addressSpace,
    CreatedAddressSpace: createdSpace,
    Memory: memory,
    RegisterAccessor: accessors.control,
    RegisterArray: accessors.doorbell,
    DmaPool: pool,
    RegisterMap: registers,
    RegisterWindow: window,
    Eventfd: eventfd,
    EventSet: events,
    CommandFaults: control.nvme,
    MockControl: control,
    Clock: control.clock,
    MessageStore: store,
    MessageRewriter: rewriter,
    PrivateSources: sources,
    Budget: budget,
    Account: account,
    VectorCharge: charge,
    DeviceHostVectors: hostVectors,
    HostInterrupt: interrupt,
    HostVector: hostVector,
    ImsDomain: domain,
    Slot: slot,
    PasidMap: pasids,
    ImsSource: ims,
    PhysicalSource: physical,
    SoftwareSource: software,
    Struct: struct,
    StructArray: list.on(piece.bytes).entries,
    StructNumberArray: struct.on(piece.bytes).b,
    SlotStorage: storage,
    MsixPerm: perm,
    VirtualIntx: intx,
    VirtualIrqs: irqs,
    VirtualMsi: msi,
    VirtualMsix: msix,
    VirtualReq: req,
    WindowRewriter: windowRewriter,
  };
  const poller = intxDevice.interrupts.poll();
  const targets = [
    ...exportTargets(api),
    ...exportTargets(api.pci, 'pci.'),
    ...exportTargets(api.pci.DECODERS, 'pci.DECODERS.'),
    ...Object.entries({ ...named, Poller: poller }).map(([name, object]) =>
      objectTarget(name, object),
    ),
  ];
  const shape = {
    ...{ vendorId: 1, deviceId: 2, classCode: 3, interruptPin: 1, revision: 4, resets: true },
    bars: [
      { index: 0, size: 0x4000, bits: 64, prefetchable: true, widths: [4, 8], split: 4 },
      { index: 2, size: 64, kind: 'io', elsewhere: 0xff },
    ],
    rom: { size: 2048, image: new Uint8Array(512) },
    sources: {
      ...{ bar: 0, offset: 0x1000, entries: 4, stride: 16, addressLow: 0, addressHigh: 4 },
      ...{ data: 8, mask: { offset: 12, bits: 1 } },
    },
    capabilities: [
      { name: 'pm', offset: 0x40 },
      { name: 'msi', offset: 0x50, vectors: 4, bits: 64, maskable: true },
      { name: 'msix', offset: 0x70, vectors: 8, ...PLACE },
      { name: 'pcie', offset: 0x80, version: 2, flr: true },
      { name: 'vendor_specific', offset: 0xc0, bytes: new Uint8Array(8) },
      { name: 'serial_number', offset: 0x100, value: 1n },
    ],
  };
  const create = () => ({ registers: {}, reset: () => undefined });
  const vectorOptions = () => [1, { counts: true, eventfd: device.createEventfd() }];
  const good: GoodArguments = {
    Budget: () => [{ quota: { slots: 1, vectors: 1 }, cpus: { ids: [0], vectors: 1 } }],
    DeviceHostVectors: () => [
      connection,
      { message: () => MESSAGE, index: 'msix', first: 0, count: 2, resets: () => () => undefined },
    ],
    DmaFault: () => [0n, 'not mapped'],
    ImsDomain: () => [
      {
        ...{ layout: MEMORY_LAYOUT, storage, hostVectors, slots: 4, changed: () => undefined },
        handles: { request: (index: number) => index, release: () => undefined },
      },
    ],
    ImsSource: () => [domain, { count: 4, account, pasids, hostVectors: 2, cpus: [0] }],
    MessageRewriter: () => [{ store, recognize, unmatched: 'refuse' }],
    MessageStore: () => [
      wlan,
      { layout: LAYOUT, entries: 32, place: { region: 0, offset: STORE } },
    ],
    MsixPerm: () => [{ vectors: 8, pasids, target: msix }],
    PasidMap: () => [1],
    PhysicalSource: () => [connection, { account, cpus: [0] }],
    PrivateSources: () => [wlan, { store, spare: { index: 'msi', vectors: [1, 2] } }],
    SoftwareSource: () => [msix],
    VfioError: () => [
      { code: 'EBUSY', errno: 16, syscall: 'open', path: '/', message: 'a', hint: 'b' },
    ],
    VirtualIntx: () => [connection],
    VirtualIrqs: () => [{ intx, msi, msix, req }],
    VirtualMsi: () => [{ vectors: 4, bits: 32, maskable: true, next: 0, route: () => undefined }],
    VirtualMsix: () => [{ ...virtual, next: 0, route: () => undefined }],
    WindowRewriter: () => [wlan, windowOptions],
    defineModel: () => [{ name: 'card', shape, create, kernel: { kernel: '6.12' } }],
    registerModel: () => [{ name: `card${models++}`, shape, create, kernel: { via: 'cdev' } }],
    defineRegisters: () => ['a', { control: { offset: 4, width: 4, fields: { enable: 0 } } }],
    defineStruct: () => ['a', { member: 'u32', bits: { type: 'u16', fields: { phase: 0 } } }],
    hexdump: () => [piece.bytes],
    poll: () => [() => true, { timeout: 0, signal: new AbortController().signal, device }],
    imsDvsec: () => [{ next: 0x200, supported: false }],
    memoryStorage: () => [new Uint8Array(64)],
    messageVectors: () => [wlan, { index: 'msi', first: 0, count: 4 }],
    openConnection: () => ['mock:edu#arguments', { via: 'group', noiommu: false }],
    openDevice: () => ['mock:edu#arguments', { via: 'group', noiommu: false }],
    openDeviceSync: () => ['mock:edu#arguments', { via: 'group', noiommu: false }],
    recognizeMsi: () => [() => MESSAGE, 32],
    recognizeTable: () => [() => [[0, MESSAGE]], 'msix'],
    regionStorage: () => [window, 0x1000, 64],
    'DeviceHost.dmaRead': () => [0x1000n, new Uint8Array(4), { pasid: 1 }],
    'DeviceHost.dmaWrite': () => [0x1000n, new Uint8Array(4), { pasid: 1 }],
    'AddressSpace.allocate': () => [PAGE_SIZE, false],
    'AddressSpace.mapSync': () => [memory, 0, BigInt(PAGE_SIZE), 0x10_0000n, 3],
    'PciDevice.attachPasid': () => [5, { addressSpace: createdSpace }],
    'AddressSpace.unmap': () => [0x10_0000n, BigInt(PAGE_SIZE), 0],
    'ConfigSpace.update': () => ['command', { memory: 1, bus_master: 1 }],
    'DeviceConnection.feature': () => [1 << 17, new Uint8Array(16)],
    'DeviceConnection.hotReset': () => [[wlan.connection]],
    'DeviceConnection.ioeventfd': () => [{ region: 0, offset: 8, width: 4, value: 1n, eventfd }],
    'DeviceConnection.load': () => [0, 0, 4],
    'DeviceConnection.map': () => [0, 0, PAGE_SIZE],
    'DeviceConnection.read': () => [7, 0, new Uint8Array(16)],
    'DeviceConnection.setAffinity': () => [2, 0, [0]],
    'DeviceConnection.setIrqs': () => [{ ...BIND, eventfds: [eventfd], argsz: 24 }],
    'DeviceConnection.store': () => [0, 0x14, 4, 0],
    'DeviceConnection.synchronizeIrqs': () => [2, [0]],
    'DeviceConnection.write': () => [7, 0x3c, new Uint8Array(1)],
    'DmaSpace.allocate': () => [PAGE_SIZE, { access: 'read', iova: 0x100_0000n, hugePages: true }],
    'DmaSpace.allocateSync': () => [
      PAGE_SIZE,
      { access: 'read', iova: 0x200_0000n, hugePages: '2M' },
    ],
    'DmaBuffer.iovaOf': () => [8],
    'DmaSpace.createPool': () => [64, { align: 64 }],
    'DmaSpace.mapSync': () => [{ fd: 0, offset: 0, size: PAGE_SIZE }, { access: 'write' }],
    'EventSet.add': () => [0, eventfd, true],
    'EventSet.serve': () => [() => undefined],
    'HostVector.setAffinity': () => [[0]],
    'Intx.request': () => [{ autoUnmask: true, counts: true }],
    'ImsDomain.allocate': () => [{ account, cookie: 2 }],
    'ImsDomain.allocateVector': () => [physicalDevice.createEventfd(), account, [0]],
    'ImsSource.allocate': () => [2, [null, eventfd]],
    'MessageStore.fill': () => [1, { index: 'msi', vector: 1 }, { masked: true }],
    'MessageStore.sendToBuffer': () => [1, target, { offset: 0, data: 1, masked: true }],
    'MessageStore.write': () => [1, MESSAGE, { masked: true }],
    'CommandFaults.doubleCompletion': () => [{ nth: 9, queue: 9 }],
    'CommandFaults.failCommand': () => [2, { nth: 9, opcode: 9 }],
    'CommandFaults.loseCompletion': () => [{ nth: 9, queue: 9 }],
    'MockControl.failDma': () => [{ access: 'read', nth: 9 }],
    'MockControl.overrideRead': () => [5, 0, 8, 0n, { nth: 9 }],
    'MockControl.fail': () => ['map', 'ENOMEM', { nth: 1, times: 1 }],
    'MockControl.limit': () => [{ messages: 64, vectors: 64, memlock: 2n ** 40n, dmaEntries: 64 }],
    'PhysicalSource.allocate': () => [2, [null, eventfd]],
    'PhysicalSource.request': () => [0, eventfd],
    'PrivateSources.request': () => [0, { counts: true }],
    'Region.exportDmaBuf': () => [[{ offset: 0, length: PAGE_SIZE }]],
    'Region.ioeventfd': () => [{ offset: 8, width: 4, value: 1n, eventfd }],
    'Region.map': () => [{ offset: 0, length: PAGE_SIZE }],
    'RegisterWindow.sub': () => [0x1000, 0x100],
    'Slot.program': () => [hostVector],
    'SoftwareSource.sendSignals': () => [[0, 1]],
    'RegisterAccessor.until': () => [{ enable: 0 }, { timeout: 0 }],
    'RegisterAccessor.update': () => [{ size: 3 }],
    'RegisterAccessor.write': () => [{ enable: 1 }],
    'RegisterArray.at': () => [1],
    'RegisterMap.on': () => [window],
    'Struct.offsetOf': () => ['b'],
    'Struct.on': () => [piece.bytes, 0],
    'StructArray.at': () => [1],
    'StructNumberArray.at': () => [1],
    'StructNumberArray.set': () => [1, 2],
    'Vector.next': () => [{ timeout: 1, signal: new AbortController().signal }],
    'VectorIndex.enable': () => [{ vectors: 1 }],
    'VectorIndex.request': vectorOptions,
    'VirtualIntx.setDisabled': () => [true],
    'VirtualIrqs.configRead': () => ['msi', 0, 4],
    'VirtualIrqs.configWrite': () => ['msi', 0, 4, 0x21_0000],
    'VirtualIrqs.getIrqInfo': () => [1],
    'VirtualIrqs.pbaRead': () => [0, 8],
    'VirtualIrqs.setIrqs': () => [{ ...LOOPBACK, bools: [1] }],
    'VirtualMsi.attach': () => [new api.SoftwareSource(msi), { first: 4, count: 1, base: 4 }],
    'VirtualMsi.configRead': () => [0, 4],
    'VirtualMsi.configWrite': () => [0, 4, 0x21_0000],
    'VirtualMsi.connect': () => [0, eventfd],
    'VirtualMsix.accessBar': () => [0, 0x2000, new Uint8Array(8), 'write', () => undefined],
    'VirtualMsix.configWrite': () => [0, 4, 0x8000_0000],
    'VirtualMsix.tableWrite': () => [12, 4, 0],
    'VirtualMsix.attach': () => [
      new api.SoftwareSource(msix),
      { first: 4, count: 1, base: 4, claim: true, flow: 'dynamic' },
    ],
    'VirtualMsix.connect': () => [0, eventfd],
    'pci.decodeBars': () => [device.config.read(0, 64)],
    'pci.decodeFields': () => [api.pci.REGISTERS.command, 6],
    'pci.decodeHeader': () => [device.config.read(0, 64)],
    'pci.listConfig': () => [device.config.read(0, 256)],
    'pci.parseSetting': () => ['COMMAND=6', device.config.read(0, 256)],
    'pci.updateFields': () => [api.pci.REGISTERS.command, 0, { memory: 1 }],
    'pci.walkCapabilities': () => [device.config.read(0, 256)],
  };
  const close = () => {
    control.clear();
    if (control.clock.stopped) control.clock.start();
    events.close();
    for (const one of [device, wlan, intxDevice, physicalDevice, dsa]) one.close();
    store.close();
  };
  return { targets, objects: Object.values(named), good, close };
}
