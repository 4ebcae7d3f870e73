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
 * What went wrong between Moodle and the server.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

/**
 * What went wrong between Moodle and the server, in a sentence for an admin.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class server_error extends \moodle_exception {
    /** @var int The HTTP status of the answer; 0 where there was none. */
    public $httpcode;

    /**
     * Finds the sentence for an answer.
     *
     * @param int $httpcode The HTTP status of the answer; 0 where there was none.
     * @param string $said What the server said, or why there is no answer.
     * @param array $facts More for the sentence: host, address, tries.
     */
    public function __construct(int $httpcode, string $said, array $facts) {
        $this->httpcode = $httpcode;
        $known = [0, 401, 403, 404, 413, 429];
        $key = 'error:' . (in_array($httpcode, $known, true) ? $httpcode : 'status');
        if ($httpcode >= 300 && $httpcode < 400) {
            $key = 'error:redirect';
        }
        $facts += ['status' => $httpcode, 'said' => self::plain_text($said)];
        $sentence = get_string($key, 'mlbackend_serverless', $facts);
        if ($facts['tries'] > 1) {
            $sentence .= ' ' . get_string('error:tries', 'mlbackend_serverless', $facts['tries']);
        }
        parent::__construct('error:any', 'mlbackend_serverless', '', $sentence);
    }

    /**
     * Whether the server may have done what it was asked to, although its answer did not arrive.
     *
     * @return bool
     */
    public function leaves_open(): bool {
        return $this->httpcode === 0 || $this->httpcode >= 500;
    }

    /**
     * What a body says, be it plain text, a gateway's JSON or a page.
     *
     * @param string $body
     * @return string At most 500 characters on one line.
     */
    private static function plain_text(string $body): string {
        $decoded = json_decode($body, true);
        if (is_array($decoded)) {
            $body = $decoded['message'] ?? $decoded['Message'] ?? $body;
        } else if (preg_match('~<(html|body|head)\b~i', $body)) {
            $body = strip_tags(preg_replace('~<(script|style|head)\b.*?</\1>~is', ' ', $body));
        }
        $line = trim(preg_replace('~\s+~', ' ', is_string($body) ? $body : ''));
        return \core_text::substr(fix_utf8($line), 0, 500);
    }
}
