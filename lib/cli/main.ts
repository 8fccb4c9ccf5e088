#!/usr/bin/env node
import { runCommandLine } from './command-line.js';
import { handleOutputErrors, outputError } from './output.js';
import { endWithTerminal } from './terminal.js';
import { printWarnings } from './warnings.js';

handleOutputErrors();
printWarnings();
endWithTerminal();
const exitCode = await runCommandLine(process.argv.slice(2));
process.exitCode = outputError() === undefined ? exitCode : 1;
