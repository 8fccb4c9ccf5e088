// What every device does, on every back end.
import './open.js';
import './closed.js';
import './config.js';
import './regions.js';
import './dma.js';
import './dma-buf.js';
import './interrupts.js';
import './resets.js';
import './demo.js';
import './virtual-msix.js';
import './selftests.js';
