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
 * Lists the reports of evaluations.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/../../../config.php');

require_login();
$context = context_system::instance();
require_capability('moodle/analytics:managemodels', $context);

$PAGE->set_context($context);
$PAGE->set_url('/lib/mlbackend/serverless/reports.php');
$PAGE->set_pagelayout('report');
$PAGE->set_primary_active_tab('siteadminnode');
$PAGE->set_title(get_string('reports', 'mlbackend_serverless'));
$PAGE->set_heading($SITE->fullname);
$PAGE->navbar->add(get_string('analyticmodels', 'tool_analytics'), new moodle_url('/admin/tool/analytics/index.php'));
$PAGE->navbar->add(get_string('reports', 'mlbackend_serverless'));

$table = new html_table();
$table->head = [
    get_string('report:modelname', 'mlbackend_serverless'),
    get_string('report:interval', 'mlbackend_serverless'),
    get_string('time'),
    get_string('report:score', 'mlbackend_serverless'),
    get_string('report', 'mlbackend_serverless'),
];
foreach (\mlbackend_serverless\reports::newest() as $log) {
    $url = \mlbackend_serverless\reports::url_of($log->dir);
    $score = format_float($log->score * 100, 1) . '%';
    $link = html_writer::link($url, get_string('report:open', 'mlbackend_serverless'));
    $table->data[] = array_merge(\mlbackend_serverless\reports::names($log), [$score, $link]);
}

echo $OUTPUT->header();
echo $OUTPUT->heading(get_string('reports', 'mlbackend_serverless'));
echo $table->data
    ? html_writer::table($table)
    : $OUTPUT->notification(get_string('reports:none', 'mlbackend_serverless'), 'info', false);
echo $OUTPUT->footer();
