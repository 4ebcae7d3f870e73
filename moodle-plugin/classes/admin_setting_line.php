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
 * The setting for the line that an admin pastes.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

defined('MOODLE_INTERNAL') || die();

global $CFG;
require_once($CFG->libdir . '/adminlib.php');

/**
 * The setting for the line that an admin pastes. It is stored encrypted and never shown again.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class admin_setting_line extends \admin_setting_encryptedpassword {
    /**
     * Stores a line that can be used.
     *
     * @param string $data
     * @return string Empty, or a sentence that says what is wrong with it.
     */
    public function write_setting($data) {
        $line = trim($data);
        try {
            $line === '' || new connection($line);
        } catch (\moodle_exception $e) {
            return $e->getMessage();
        }
        readiness::forget();
        return parent::write_setting($line);
    }
}
