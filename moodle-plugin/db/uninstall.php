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
 * What is left behind when the plugin goes.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

/**
 * Gives the models back to Moodle's own processor: with one that is not there any more their pages would not open.
 *
 * @return bool
 */
function xmldb_mlbackend_serverless_uninstall() {
    global $DB;
    $ours = '\\mlbackend_serverless\\processor';
    $DB->set_field('analytics_models', 'trained', 0, ['predictionsprocessor' => $ours]);
    $DB->set_field('analytics_models', 'predictionsprocessor', null, ['predictionsprocessor' => $ours]);
    if (get_config('analytics', 'predictionsprocessor') === $ours) {
        unset_config('predictionsprocessor', 'analytics');
    }
    return true;
}
