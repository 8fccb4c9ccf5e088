// This file runs the whole suite in one process, because a new process starts slowly in the lab.
import './open.js';
import './closed.js';
import './config.js';
import './regions.js';
import './dma.js';
import './interrupts.js';
import './features.js';
import './messages.js';
import './demo.js';
import './virtual-irqs.js';
import './virtual-msix.js';
import './selftests.js';
