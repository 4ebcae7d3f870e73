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
 * Asks the server over HTTP.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

defined('MOODLE_INTERNAL') || die();

global $CFG;
require_once($CFG->libdir . '/filelib.php');

/**
 * Asks the server over HTTP, and asks again where that helps.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class client {
    /** @var int Seconds in which cron and the command line begin new tries. */
    const PATIENCE_CLI = 300;

    /** @var int The same for a web page, which web servers end after a minute or more. */
    const PATIENCE_WEB = 45;

    /** @var int The longest pause between two tries, in seconds. */
    const LONGEST_PAUSE = 60;

    /** @var int Seconds that one try may take: Lambda's 15 minutes, and the way there and back. */
    const WORK_SECONDS = 930;

    /** @var int The same for what needs no learning. */
    const SHORT_SECONDS = 120;

    /** @var string[] What may take long. */
    const WORK = ['training', 'prediction', 'evaluation'];

    /** @var int[] No connection, too many requests, and what gateways answer while a server starts or is busy. */
    const PASSING = [0, 429, 502, 503, 504];

    /** @var int[] The same for an export: its 503 says that there is nothing to export. */
    const PASSING_EXPORT = [0, 429, 502, 504];

    /** @var connection */
    private $connection;

    /** @var int Seconds in which new tries begin. */
    private $patience;

    /** @var int Seconds that a try may take; 0: what suits the endpoint. */
    private $seconds;

    /**
     * Keeps what is needed for requests.
     *
     * @param connection $connection
     * @param int|null $patience Seconds in which new tries begin; null: what suits the page or command; 0: one try.
     * @param int $seconds Seconds that a try may take; 0: what suits the endpoint.
     */
    public function __construct(connection $connection, ?int $patience = null, int $seconds = 0) {
        $this->connection = $connection;
        $this->patience = $patience ?? (CLI_SCRIPT ? self::PATIENCE_CLI : self::PATIENCE_WEB);
        $this->seconds = $seconds;
    }

    /**
     * Sends a form, the dataset in it compressed.
     *
     * @param string $endpoint
     * @param array $fields Strings, \stored_file or \CURLFile by name.
     * @param string $key Which training this is, the same on every try; empty: the server finds out.
     * @return string The body of the answer.
     * @throws server_error
     */
    public function post(string $endpoint, array $fields, string $key = ''): string {
        if (isset($fields['dataset'])) {
            $fields['dataset'] = compression::compressed($fields['dataset']);
        }
        $headers = $key === '' ? [] : ['Idempotency-Key: ' . $key];
        return $this->repeat($endpoint, $headers, function (\curl $curl, string $url, array $options) use ($fields) {
            return $curl->post($url, $fields, $options);
        });
    }

    /**
     * Gets what an endpoint has.
     *
     * @param string $endpoint
     * @param array $fields Strings by name.
     * @return string The body of the answer.
     * @throws server_error
     */
    public function get(string $endpoint, array $fields = []): string {
        return $this->repeat($endpoint, [], function (\curl $curl, string $url, array $options) use ($fields) {
            return $curl->get($url, $fields, $options);
        });
    }

    /**
     * Puts what an endpoint has into a file.
     *
     * @param string $endpoint
     * @param array $fields Strings by name.
     * @param string $filepath
     * @throws server_error
     */
    public function download(string $endpoint, array $fields, string $filepath): void {
        $this->repeat($endpoint, [], function (\curl $curl, string $url, array $options) use ($fields, $filepath) {
            $result = $curl->download_one($url, $fields, $options + ['filepath' => $filepath]);
            if ($result === true && $curl->info['http_code'] !== 200) {
                $result = (string) file_get_contents($filepath, false, null, 0, 10000);
            }
            return (string) $result;
        });
    }

    /**
     * Asks until there is an answer that lasts, or until patience ends.
     *
     * @param string $endpoint
     * @param string[] $headers
     * @param callable $ask Takes a \curl, the URL and its options; returns a body or why there is none.
     * @return string The body of the answer.
     * @throws server_error
     */
    private function repeat(string $endpoint, array $headers, callable $ask): string {
        $passing = $endpoint === 'export' ? self::PASSING_EXPORT : self::PASSING;
        $end = microtime(true) + $this->patience;
        for ($tries = 1;; $tries++) {
            $curl = $this->curl($headers);
            $body = (string) $ask($curl, $this->connection->address . '/' . $endpoint, $this->options($endpoint));
            $status = $curl->get_errno() ? 0 : (int) $curl->info['http_code'];
            if ($status === 200) {
                return $body;
            }
            $pause = $this->pause($curl, $tries);
            if (!in_array($status, $passing, true) || microtime(true) + $pause > $end) {
                throw $this->error($status, $body, $curl, $tries);
            }
            $this->tell($status, $pause);
            sleep($pause);
        }
    }

    /**
     * What makes one request.
     *
     * @param string[] $headers
     * @return \curl
     */
    private function curl(array $headers): \curl {
        // An admin chose the address, so the rules for addresses that users type do not apply: it may be a local one.
        $curl = new \curl(['ignoresecurity' => true]);
        $curl->setHeader('Authorization: ' . $this->connection->authorization());
        $curl->setHeader($headers);
        return $curl;
    }

    /**
     * How a request is made. No redirect is followed: it would take the data somewhere else.
     *
     * @param string $endpoint
     * @return array
     */
    private function options(string $endpoint): array {
        $long = in_array($endpoint, self::WORK, true);
        return [
            'CURLOPT_SSL_VERIFYPEER' => 1,
            'CURLOPT_FOLLOWLOCATION' => 0,
            'CURLOPT_CONNECTTIMEOUT' => 10,
            'CURLOPT_TIMEOUT' => $this->seconds ?: ($long ? self::WORK_SECONDS : self::SHORT_SECONDS),
        ];
    }

    /**
     * How long to wait before the next try: 1, 2, 4 seconds and so on, or what the server asks for.
     *
     * @param \curl $curl
     * @param int $tries How many there were.
     * @return int Seconds.
     */
    private function pause(\curl $curl, int $tries): int {
        $headers = array_change_key_case($curl->getResponse());
        $asked = $headers['retry-after'] ?? 0;
        return max(min(2 ** ($tries - 1), self::LONGEST_PAUSE), is_numeric($asked) ? (int) $asked : 0);
    }

    /**
     * Finds words for a failure.
     *
     * @param int $status
     * @param string $body
     * @param \curl $curl
     * @param int $tries
     * @return server_error
     */
    private function error(int $status, string $body, \curl $curl, int $tries): server_error {
        if ($status >= 300 && $status < 400) {
            $body = (string) ($curl->info['redirect_url'] ?? '');
        }
        return new server_error($status, $status === 0 ? (string) $curl->error : $body, [
            'host' => $this->connection->host(),
            'address' => $this->connection->address,
            'megabytes' => format_float(($curl->info['size_upload'] ?? 0) / 1e6, 1),
            'tries' => $tries,
        ]);
    }

    /**
     * Tells whoever watches a command why it waits.
     *
     * @param int $status
     * @param int $pause Seconds.
     */
    private function tell(int $status, int $pause): void {
        if (CLI_SCRIPT && !PHPUNIT_TEST) {
            $a = ['status' => $status, 'pause' => $pause, 'host' => $this->connection->host()];
            mtrace(get_string($status ? 'waiting' : 'waiting:noanswer', 'mlbackend_serverless', $a));
        }
    }
}
