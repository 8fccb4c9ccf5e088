// Runs the suite on devices that another process serves by the protocol vfio-user.
import './served.js';
import './device-suite.js';
