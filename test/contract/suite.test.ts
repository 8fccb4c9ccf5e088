// This file runs the whole suite in one process, because a new process starts slowly in the lab.
import './device-suite.js';
import './vfio-suite.js';
