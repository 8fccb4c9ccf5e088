// Virtual MSI-X in front of a device's own vectors. The tests are written for any back end.
import '../contract/virtual-msix.js';
