import type { FieldsOf, RegisterName } from '../../../lib/pci/index.js';

/** The names that lspci uses for a register and for the register's fields. */
export interface Called {
  readonly register: RegisterName;
  readonly label: string;
  readonly flags: Readonly<Record<string, string>>;
}

function called<N extends RegisterName>(
  register: N,
  label: string,
  flags: Partial<Record<keyof FieldsOf<N>, string>>,
): Called {
  return { register, label, flags: flags as Record<string, string> };
}

const REPORTING = {
  correctable_error: 'CorrErr',
  non_fatal_error: 'NonFatalErr',
  fatal_error: 'FatalErr',
  unsupported_request: 'UnsupReq',
};
const UNCORRECTABLE = {
  data_link_protocol: 'DLP',
  surprise_down: 'SDES',
  poisoned_tlp: 'TLP',
  flow_control_protocol: 'FCP',
  completion_timeout: 'CmpltTO',
  completer_abort: 'CmpltAbrt',
  unexpected_completion: 'UnxCmplt',
  receiver_overflow: 'RxOF',
  malformed_tlp: 'MalfTLP',
  ecrc: 'ECRC',
  unsupported_request: 'UnsupReq',
  acs_violation: 'ACSViol',
};
const CORRECTABLE = {
  receiver: 'RxErr',
  bad_tlp: 'BadTLP',
  bad_dllp: 'BadDLLP',
  replay_num_rollover: 'Rollover',
  replay_timer_timeout: 'Timeout',
  advisory_non_fatal: 'AdvNonFatalErr',
};
const ACCESS_CONTROL = {
  source_validation: 'SrcValid',
  translation_blocking: 'TransBlk',
  p2p_request_redirect: 'ReqRedir',
  p2p_completion_redirect: 'CmpltRedir',
  upstream_forwarding: 'UpstreamFwd',
  p2p_egress_control: 'EgressCtrl',
  direct_translated_p2p: 'DirectTrans',
};
const SUBSTATES = {
  pci_pm_l1_2: 'PCI-PM_L1.2',
  pci_pm_l1_1: 'PCI-PM_L1.1',
  aspm_l1_2: 'ASPM_L1.2',
  aspm_l1_1: 'ASPM_L1.1',
};
const AGP = { sideband_addressing: 'SBA', gart_64: 'GART64', over_4gb: '64bit', fast_write: 'FW' };

/** All endpoint registers for which lspci 3.9 prints flags. */
export const CALLED: readonly Called[] = [
  called('command', 'Control', {
    io: 'I/O',
    memory: 'Mem',
    bus_master: 'BusMaster',
    special_cycle: 'SpecCycle',
    memory_write_invalidate: 'MemWINV',
    vga_palette_snoop: 'VGASnoop',
    parity_error_response: 'ParErr',
    serr: 'SERR',
    fast_back_to_back: 'FastB2B',
    intx_disable: 'DisINTx',
  }),
  called('status', 'Status', {
    interrupt_status: 'INTx',
    capable_66mhz: '66MHz',
    fast_back_to_back_capable: 'FastB2B',
    master_data_parity_error: 'ParErr',
    signaled_target_abort: '>TAbort',
    received_target_abort: '<TAbort',
    received_master_abort: '<MAbort',
    signaled_system_error: '>SERR',
    detected_parity_error: '<PERR',
  }),
  called('pm.capabilities', 'Flags', {
    pme_clock: 'PMEClk',
    device_specific_initialization: 'DSI',
  }),
  called('pm.control_status', 'Status', {
    no_soft_reset: 'NoSoftRst',
    pme_enable: 'PME-Enable',
    pme_status: 'PME',
  }),
  called('msi.control', 'MSI', {
    enable: 'Enable',
    address_64: '64bit',
    per_vector_masking: 'Maskable',
  }),
  called('msix.control', 'MSI-X', { enable: 'Enable', function_mask: 'Masked' }),
  called('agp.status', 'Status', {
    ...AGP,
    isochronous: 'Iso',
    coherent: 'ITACoh',
    host_translation: 'HTrans',
    agp_3: 'AGP3',
  }),
  called('agp.command', 'Command', { ...AGP, enable: 'AGP' }),
  called('pcix.command', 'Command', {
    data_parity_error_recovery: 'DPERE',
    relaxed_ordering: 'ERO',
  }),
  called('pcix.status', 'Status', {
    device_64bit: '64bit',
    capable_133mhz: '133MHz',
    split_completion_discarded: 'SCD',
    unexpected_split_completion: 'USC',
    received_split_completion_error: 'RSCEM',
    capable_266mhz: '266MHz',
    capable_533mhz: '533MHz',
  }),
  called('af.capabilities', 'AFCap', { transactions_pending: 'TP', flr: 'FLR' }),
  called('af.control', 'AFCtrl', { initiate_flr: 'FLR' }),
  called('af.status', 'AFStatus', { transactions_pending: 'TP' }),
  called('pcie.device_capabilities', 'DevCap', {
    extended_tag: 'ExtTag',
    role_based_error_reporting: 'RBE',
    flr: 'FLReset',
  }),
  called('pcie.device_control', 'DevCtl', {
    correctable_error_reporting: 'CorrErr',
    non_fatal_error_reporting: 'NonFatalErr',
    fatal_error_reporting: 'FatalErr',
    unsupported_request_reporting: 'UnsupReq',
    relaxed_ordering: 'RlxdOrd',
    extended_tag: 'ExtTag',
    phantom_functions: 'PhantFunc',
    aux_power_pm: 'AuxPwr',
    no_snoop: 'NoSnoop',
  }),
  called('pcie.device_status', 'DevSta', {
    ...REPORTING,
    aux_power: 'AuxPwr',
    transactions_pending: 'TransPend',
  }),
  called('pcie.link_capabilities', 'LnkCap', {
    clock_power_management: 'ClockPM',
    surprise_down_error_reporting: 'Surprise',
    link_active_reporting: 'LLActRep',
    link_bandwidth_notification: 'BwNot',
    aspm_optionality: 'ASPMOptComp',
  }),
  called('pcie.link_control', 'LnkCtl', {
    link_disable: 'Disabled',
    common_clock: 'CommClk',
    extended_synch: 'ExtSynch',
    clock_power_management: 'ClockPM',
    autonomous_width_disable: 'AutWidDis',
    bandwidth_management_interrupt: 'BWInt',
    autonomous_bandwidth_interrupt: 'AutBWInt',
  }),
  called('pcie.link_status', 'LnkSta', {
    link_training: 'Train',
    slot_clock: 'SlotClk',
    link_active: 'DLActive',
    bandwidth_management: 'BWMgmt',
    autonomous_bandwidth: 'ABWMgmt',
  }),
  called('pcie.device_capabilities_2', 'DevCap2', {
    completion_timeout_disable: 'TimeoutDis',
    no_ro_enabled_pr_pr_passing: 'NROPrPrP',
    ltr: 'LTR',
    completer_10bit_tag: '10BitTagComp',
    requester_10bit_tag: '10BitTagReq',
    extended_fmt_field: 'ExtFmt',
    end_end_tlp_prefix: 'EETLPPrefix',
    emergency_power_reduction_initialization: 'EmergencyPowerReductionInit',
    frs: 'FRS',
  }),
  called('pcie.device_control_2', 'DevCtl2', {
    completion_timeout_disable: 'TimeoutDis',
    ltr: 'LTR',
    requester_10bit_tag: '10BitTagReq',
  }),
  called('pcie.device_control_2', 'AtomicOpsCtl', { atomic_op_requester: 'ReqEn' }),
  called('pcie.link_capabilities_2', 'LnkCap2', {
    crosslink: 'Crosslink',
    retimer_presence: 'Retimer',
    two_retimers_presence: '2Retimers',
    drs: 'DRS',
  }),
  called('pcie.link_control_2', 'LnkCtl2', {
    enter_compliance: 'EnterCompliance',
    autonomous_speed_disable: 'SpeedDis',
    enter_modified_compliance: 'EnterModifiedCompliance',
    compliance_sos: 'ComplianceSOS',
  }),
  called('pcie.link_status_2', 'LnkSta2', {
    equalization_complete: 'EqualizationComplete',
    equalization_phase_1: 'EqualizationPhase1',
    equalization_phase_2: 'EqualizationPhase2',
    equalization_phase_3: 'EqualizationPhase3',
    equalization_request: 'LinkEqualizationRequest',
    retimer_presence: 'Retimer',
    two_retimers_presence: '2Retimers',
  }),
  called('aer.uncorrectable_status', 'UESta', UNCORRECTABLE),
  called('aer.uncorrectable_mask', 'UEMsk', UNCORRECTABLE),
  called('aer.uncorrectable_severity', 'UESvrt', UNCORRECTABLE),
  called('aer.correctable_status', 'CESta', CORRECTABLE),
  called('aer.correctable_mask', 'CEMsk', CORRECTABLE),
  called('aer.control', 'AERCap', {
    ecrc_generation_capable: 'ECRCGenCap',
    ecrc_generation: 'ECRCGenEn',
    ecrc_check_capable: 'ECRCChkCap',
    ecrc_check: 'ECRCChkEn',
    multiple_header_capable: 'MultHdrRecCap',
    multiple_header: 'MultHdrRecEn',
    tlp_prefix_log: 'TLPPfxPres',
    completion_timeout_log: 'HdrLogCap',
  }),
  called('acs.capabilities', 'ACSCap', ACCESS_CONTROL),
  called('acs.control', 'ACSCtl', ACCESS_CONTROL),
  called('ari.capabilities', 'ARICap', {
    mfvc_function_groups: 'MFVC',
    acs_function_groups: 'ACS',
  }),
  called('ari.control', 'ARICtl', { mfvc_function_groups: 'MFVC', acs_function_groups: 'ACS' }),
  called('ats.control', 'ATSCtl', { enable: 'Enable' }),
  called('pri.control', 'PRICtl', { enable: 'Enable', reset: 'Reset' }),
  called('pri.status', 'PRISta', {
    response_failure: 'RF',
    unexpected_group_index: 'UPRGI',
    stopped: 'Stopped',
  }),
  called('pasid.capabilities', 'PASIDCap', { execute: 'Exec', privileged: 'Priv' }),
  called('pasid.control', 'PASIDCtl', { enable: 'Enable', execute: 'Exec', privileged: 'Priv' }),
  called('sriov.capabilities', 'IOVCap', {
    vf_migration: 'Migration',
    vf_10bit_tag_requester: '10BitTagReq',
  }),
  called('sriov.control', 'IOVCtl', {
    vf_enable: 'Enable',
    vf_migration: 'Migration',
    vf_migration_interrupt: 'Interrupt',
    vf_memory: 'MSE',
    ari_hierarchy: 'ARIHierarchy',
    vf_10bit_tag_requester: '10BitTagReq',
  }),
  called('sriov.status', 'IOVSta', { vf_migration: 'Migration' }),
  called('secondary_pcie.link_control_3', 'LnkCtl3', {
    perform_equalization: 'PerformEqu',
    equalization_request_interrupt: 'LnkEquIntrruptEn',
  }),
  called('l1_pm_substates.capabilities', 'L1SubCap', {
    ...SUBSTATES,
    l1_pm_substates: 'L1_PM_Substates',
  }),
  called('l1_pm_substates.control_1', 'L1SubCtl1', SUBSTATES),
  called('ptm.capabilities', 'PTMCap', {
    requester: 'Requester',
    responder: 'Responder',
    root: 'Root',
  }),
  called('ptm.control', 'PTMControl', { enable: 'Enabled', root_select: 'RootSelected' }),
  called('doe.capabilities', 'DOECap', { interrupt_support: 'IntSup' }),
  called('doe.control', 'DOECtl', { interrupt_enable: 'IntEn' }),
  called('doe.status', 'DOESta', {
    busy: 'Busy',
    interrupt_status: 'IntSta',
    object_ready: 'ObjectReady',
  }),
];
