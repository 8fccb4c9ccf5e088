// One file, so that one process runs it all: a process takes seconds to start in the lab.
import './open.js';
import './closed.js';
import './config.js';
import './regions.js';
import './dma.js';
import './interrupts.js';
import './features.js';
import './messages.js';
import './demo.js';
import './virtual-msix.js';
import './selftests.js';
