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
 * Tries the server, and says in words what is wrong.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

require(__DIR__ . '/../../../config.php');

require_login();
$context = context_system::instance();
require_capability('moodle/site:config', $context);
require_sesskey();

$settings = new moodle_url('/admin/settings.php', ['section' => 'mlbackendsettingsserverless']);
$connection = \mlbackend_serverless\connection::from_settings();
if (!$connection) {
    redirect($settings);
}

$PAGE->set_context($context);
$PAGE->set_url('/lib/mlbackend/serverless/test.php');
$PAGE->set_pagelayout('admin');
$PAGE->set_primary_active_tab('siteadminnode');
$PAGE->set_title(get_string('test', 'mlbackend_serverless'));
$PAGE->set_heading($SITE->fullname);
\core\session\manager::write_close();

echo $OUTPUT->header();
echo $OUTPUT->heading(get_string('test:of', 'mlbackend_serverless', s($connection->address)));
$failed = false;
foreach ((new \mlbackend_serverless\selftest($connection))->steps() as [$step, $problem, $seconds]) {
    $failed = $problem !== '';
    $name = get_string('test:' . $step, 'mlbackend_serverless');
    $a = ['step' => $name, 'seconds' => format_float($seconds, 1), 'problem' => s($problem)];
    $text = get_string($failed ? 'test:failed' : 'test:passed', 'mlbackend_serverless', $a);
    echo $OUTPUT->notification($text, $failed ? 'error' : 'success', false);
    flush();
}
if (!$failed) {
    echo html_writer::tag('p', get_string('test:done', 'mlbackend_serverless'));
}
echo $OUTPUT->continue_button($settings);
echo $OUTPUT->footer();
