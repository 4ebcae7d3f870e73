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
 * The button on the analytics pages.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

/**
 * The button on the analytics pages that leads to the reports of evaluations.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class header_button {
    /**
     * Adds the button where a page is one of them, for whoever may open the reports.
     */
    public static function add(): void {
        global $PAGE, $OUTPUT;
        if (strpos($PAGE->pagetype, 'admin-tool-analytics-') !== 0 || !get_config('mlbackend_serverless', 'connection')) {
            return;
        }
        if (has_capability('moodle/analytics:managemodels', \context_system::instance())) {
            $url = new \moodle_url('/lib/mlbackend/serverless/reports.php');
            $PAGE->add_header_action($OUTPUT->single_button($url, get_string('reports', 'mlbackend_serverless'), 'get'));
        }
    }
}
