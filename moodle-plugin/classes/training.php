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
 * Sends trainings.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

/**
 * Sends trainings, so that the server counts each of them once.
 *
 * Each carries a key of its own, the same on every try. But where the answer to the last one never came, Moodle's next
 * file holds its rows again, and new ones: then no key is sent, and the server looks for the rows that it knows.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class training {
    /**
     * Sends a training.
     *
     * @param client $client
     * @param array $fields
     * @return string The body of the answer.
     * @throws server_error
     */
    public static function send(client $client, array $fields): string {
        $open = 'open_' . sha1($fields['uniqueid'] . ' ' . $fields['dirhash']);
        $key = get_config('mlbackend_serverless', $open) ? '' : bin2hex(random_bytes(16));
        set_config($open, 1, 'mlbackend_serverless'); // Until an answer is here: the process may end before.
        try {
            $body = $client->post('training', $fields, $key);
        } catch (server_error $e) {
            if (!$e->leaves_open() && $key !== '') {
                unset_config($open, 'mlbackend_serverless');
            }
            throw $e;
        }
        unset_config($open, 'mlbackend_serverless');
        return $body;
    }
}
