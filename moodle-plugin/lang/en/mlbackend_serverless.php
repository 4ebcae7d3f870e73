<?php
// This file is part of Moodle - https://moodle.org/
//
// Moodle is free software: you can redistribute it and/or modify
// it under the terms of the GNU General Public License as published by
// the Free Software Foundation, either version 3 of the License, or
// (at your option) any later version.
//
// Moodle is distributed in the hope that it will be useful,
// but WITHOUT ANY WARRANTY; without even the implied warranty of
// MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
// GNU General Public License for more details.
//
// You should have received a copy of the GNU General Public License
// along with Moodle.  If not, see <https://www.gnu.org/licenses/>.

/**
 * The texts, in English.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$string['cachedef_readiness'] = 'Whether the machine learning server answers, for a minute';
$string['error:0'] = 'No answer from {$a->host}: {$a->said}. Check that the server runs, and that the line in the settings of the serverless machine learning backend has its address.';
$string['error:401'] = 'The server does not accept the username or the password: paste the whole line again, as the server printed it, into the settings of the serverless machine learning backend.';
$string['error:403'] = 'The server at {$a->address} refuses the request: check that the line in the settings of the serverless machine learning backend has the whole address, with its path. It said: {$a->said}';
$string['error:404'] = 'There is no machine learning server at {$a->address}: check that the line in the settings of the serverless machine learning backend has the whole address, with its path. It said: {$a->said}';
$string['error:413'] = 'The dataset has {$a->megabytes} MB although it is compressed, and {$a->host} does not take that much. AWS Lambda takes 4.7 MB; a server of your own takes more. It said: {$a->said}';
$string['error:429'] = 'Too many requests for {$a->host}: wait a minute, then try again. It said: {$a->said}';
$string['error:any'] = '{$a}';
$string['error:compress'] = 'The dataset could not be compressed: there is no room in Moodle\'s temporary folder, or it cannot be written.';
$string['error:noserver'] = 'What answers at {$a} is not a machine learning server for Moodle: check the address in the settings of the serverless machine learning backend.';
$string['error:redirect'] = 'The server at {$a->address} redirects to {$a->said}: put the address that it redirects to into the line in the settings of the serverless machine learning backend.';
$string['error:status'] = 'The server answered with HTTP status {$a->status}: {$a->said}';
$string['error:tries'] = 'It was tried {$a} times.';
$string['error:version'] = 'The server offers version {$a->version} of the machine learning backend, and this Moodle needs {$a->required} or a later one of the same series.';
$string['line'] = 'Server';
$string['line:about'] = 'Paste the line that the server printed: https://name:password@host/path. It is stored encrypted and not shown again.';
$string['line:cutwrong'] = 'The line has a space, a quote or a bracket in it: copy it again, from https to the end of the address.';
$string['line:noaddress'] = 'There is no address in the line: it looks like https://name:password@host/path, with nothing behind the path.';
$string['line:none'] = 'No server yet: paste the line that the server printed into the settings of the serverless machine learning backend.';
$string['line:nopassword'] = 'The name or the password is missing in the line: it looks like https://name:password@host/path.';
$string['line:noscheme'] = 'The line has to begin with https:// (or with http:// for a server in your own network).';
$string['line:undecryptable'] = 'The line cannot be decrypted, as Moodle\'s key has changed: paste it again into the settings of the serverless machine learning backend.';
$string['pluginname'] = 'Serverless machine learning backend';
$string['privacy:metadata:server'] = 'Moodle\'s analytics calculates numbers, which the machine learning server whose address an administrator entered learns and predicts from. No names, addresses or texts are sent, and nothing is stored in Moodle by this plugin.';
$string['privacy:metadata:server:indicators'] = 'What the indicators of a model say of a sample, as numbers from -1 to 1.';
$string['privacy:metadata:server:sampleid'] = 'The number that the sample has in Moodle, an enrolment for example, and that of the analysis interval. It is sent for predictions only and not stored there.';
$string['privacy:metadata:server:target'] = 'What the model is to predict, where it is known, as a number.';
$string['report'] = 'Evaluation report';
$string['report:about'] = 'Analysis interval: {$a->interval}. Evaluated on {$a->time}.';
$string['report:alone'] = 'Open it on a page of its own, to print it for example.';
$string['report:interval'] = 'Analysis interval';
$string['report:missing'] = 'There is no report of this evaluation, or not any more: evaluate the model again to get one.';
$string['report:model'] = 'Model {$a}';
$string['report:modelname'] = 'Model';
$string['report:none'] = 'The report of this evaluation could not be fetched: {$a}';
$string['report:of'] = 'Evaluation: {$a}';
$string['report:open'] = 'Open the report';
$string['report:score'] = 'Accuracy';
$string['reports'] = 'Evaluation reports';
$string['reports:none'] = 'No model was evaluated with this backend yet.';
$string['state'] = 'Connection';
$string['state:clear'] = 'The address begins with http, so whoever sees the network\'s traffic can read the password and the data. Use https where the server is not in your own network.';
$string['state:next'] = 'Then choose this backend in the <a href="{$a}">analytics settings</a>.';
$string['state:none'] = 'There is none yet. Save the line, then test it here.';
$string['state:set'] = 'Moodle uses the server at <strong>{$a->address}</strong> as <strong>{$a->username}</strong>.';
$string['test'] = 'Test the connection';
$string['test:deletion'] = 'Deletion of the test\'s model';
$string['test:done'] = 'All is well: Moodle can use this server.';
$string['test:failed'] = '<strong>{$a->step}</strong> failed after {$a->seconds} s: {$a->problem}';
$string['test:of'] = 'Test of {$a}';
$string['test:passed'] = '<strong>{$a->step}</strong> passed in {$a->seconds} s.';
$string['test:prediction'] = 'Prediction';
$string['test:training'] = 'Training with a made-up dataset';
$string['test:version'] = 'Version and sign-in';
$string['test:wrong'] = 'The server answered, but its predictions are not what it was taught. Look for an update of the server.';
$string['waiting'] = '{$a->host} answered with HTTP status {$a->status}; trying again in {$a->pause} s.';
$string['waiting:noanswer'] = '{$a->host} does not answer; trying again in {$a->pause} s.';
