import { field, rw1c } from '../fields.js';
import { registerOf, type Register } from './register.js';

const ACCESS_CONTROL = {
  source_validation: field(0),
  translation_blocking: field(1),
  p2p_request_redirect: field(2),
  p2p_completion_redirect: field(3),
  upstream_forwarding: field(4),
  p2p_egress_control: field(5),
  direct_translated_p2p: field(6),
};

/**
 * Registers for virtualization and isolation: PCI Express Base Specification,
 * sections 7.7.11 (ACS), 7.8.8 (ARI), 7.8.9 (PASID), 9.3.3 (SR-IOV), 10.5.1 (ATS), 10.5.2 (PRI).
 */
export const VIRTUALIZATION = {
  'acs.capabilities': registerOf('acs', 0x04, 16, {
    ...ACCESS_CONTROL,
    egress_control_vector_size: field(8, 15),
  }),
  'acs.control': registerOf('acs', 0x06, 16, ACCESS_CONTROL),

  'ari.capabilities': registerOf('ari', 0x04, 16, {
    mfvc_function_groups: field(0),
    acs_function_groups: field(1),
    next_function: field(8, 15),
  }),
  'ari.control': registerOf('ari', 0x06, 16, {
    mfvc_function_groups: field(0),
    acs_function_groups: field(1),
    function_group: field(4, 6),
  }),

  'ats.capabilities': registerOf('ats', 0x04, 16, {
    invalidate_queue_depth: field(0, 4),
    page_aligned_request: field(5),
    global_invalidate: field(6),
    relaxed_ordering: field(7),
  }),
  'ats.control': registerOf('ats', 0x06, 16, {
    smallest_translation_unit: field(0, 4),
    enable: field(15),
  }),

  'pri.control': registerOf('pri', 0x04, 16, { enable: field(0), reset: field(1) }),
  'pri.status': registerOf('pri', 0x06, 16, {
    response_failure: rw1c(0),
    unexpected_group_index: rw1c(1),
    stopped: field(8),
    response_pasid_required: field(15),
  }),
  'pri.capacity': registerOf('pri', 0x08, 32),
  'pri.allocation': registerOf('pri', 0x0c, 32),

  'pasid.capabilities': registerOf('pasid', 0x04, 16, {
    execute: field(1),
    privileged: field(2),
    max_width: field(8, 12),
  }),
  'pasid.control': registerOf('pasid', 0x06, 16, {
    enable: field(0),
    execute: field(1),
    privileged: field(2),
  }),

  'sriov.capabilities': registerOf('sriov', 0x04, 32, {
    vf_migration: field(0),
    ari_hierarchy_preserved: field(1),
    vf_10bit_tag_requester: field(2),
    interrupt_message_number: field(21, 31),
  }),
  'sriov.control': registerOf('sriov', 0x08, 16, {
    vf_enable: field(0),
    vf_migration: field(1),
    vf_migration_interrupt: field(2),
    vf_memory: field(3),
    ari_hierarchy: field(4),
    vf_10bit_tag_requester: field(5),
  }),
  'sriov.status': registerOf('sriov', 0x0a, 16, { vf_migration: rw1c(0) }),
  'sriov.initial_vfs': registerOf('sriov', 0x0c, 16),
  'sriov.total_vfs': registerOf('sriov', 0x0e, 16),
  'sriov.num_vfs': registerOf('sriov', 0x10, 16),
  'sriov.function_dependency_link': registerOf('sriov', 0x12, 8),
  'sriov.first_vf_offset': registerOf('sriov', 0x14, 16),
  'sriov.vf_stride': registerOf('sriov', 0x16, 16),
  'sriov.vf_device_id': registerOf('sriov', 0x1a, 16),
  'sriov.supported_page_sizes': registerOf('sriov', 0x1c, 32),
  'sriov.system_page_size': registerOf('sriov', 0x20, 32),
} as const satisfies Record<string, Register>;
