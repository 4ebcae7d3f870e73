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
 * Shows the report of an evaluation.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/../../../config.php');

$name = required_param('evaluation', PARAM_ALPHANUMEXT);

require_login();
$context = context_system::instance();
require_capability('moodle/analytics:managemodels', $context);

$log = \mlbackend_serverless\reports::find($name);
[$model, $interval, $time] = \mlbackend_serverless\reports::names($log);

$PAGE->set_context($context);
$PAGE->set_url('/lib/mlbackend/serverless/report.php', ['evaluation' => $name]);
$PAGE->set_pagelayout('report');
$PAGE->set_primary_active_tab('siteadminnode');
$PAGE->set_title(get_string('report', 'mlbackend_serverless'));
$PAGE->set_heading($SITE->fullname);
$PAGE->navbar->add(get_string('analyticmodels', 'tool_analytics'), new moodle_url('/admin/tool/analytics/index.php'));
$PAGE->navbar->add(get_string('reports', 'mlbackend_serverless'), new moodle_url('/lib/mlbackend/serverless/reports.php'));
$PAGE->navbar->add(get_string('report', 'mlbackend_serverless'));

$file = new moodle_url('/lib/mlbackend/serverless/reportfile.php', ['evaluation' => $name]);

echo $OUTPUT->header();
echo $OUTPUT->heading(get_string('report:of', 'mlbackend_serverless', $model));
echo html_writer::tag('p', get_string('report:about', 'mlbackend_serverless', ['interval' => $interval, 'time' => $time]) . ' ' .
    html_writer::link($file, get_string('report:alone', 'mlbackend_serverless')));
echo html_writer::tag('iframe', '', [
    'src' => $file->out(false),
    'sandbox' => '',
    'title' => get_string('report', 'mlbackend_serverless'),
    'style' => 'width: 100%; height: 85vh; border: 1px solid #dee2e6',
]);
echo $OUTPUT->footer();
