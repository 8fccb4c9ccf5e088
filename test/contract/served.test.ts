// Runs the suite on the mock devices of another process, through the protocol vfio-user.
import './served.js';
import './device-suite.js';
