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
 * Whether the server can be used.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

/**
 * Whether the server can be used. Moodle asks that on every settings page, so the answer is kept for a minute.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class readiness {
    /** @var int Seconds for which an answer is kept; db/caches.php has the same. */
    const KEPT = 60;

    /** @var int Seconds that a page waits for each of the two answers. */
    const PAGE_SECONDS = 8;

    /** @var array Answers of this process by connection: each a time and an answer. */
    private static $answers = [];

    /**
     * Whether the server behind a connection can be used.
     *
     * @param connection $connection
     * @return true|string A sentence, escaped, that says why not.
     */
    public static function of(connection $connection) {
        $key = $connection->fingerprint();
        $kept = self::$answers[$key] ?? [0, ''];
        if ($kept[0] < time() - self::KEPT) {
            $kept = self::recall($key) ?? [time(), self::ask($connection)];
            self::$answers[$key] = $kept;
        }
        return $kept[1];
    }

    /**
     * Forgets what is known, so that the next question goes to the server.
     */
    public static function forget(): void {
        self::$answers = [];
        self::cache()->purge();
    }

    /**
     * What another page found out. A command has time to try for longer than a page, so it heeds no failure.
     *
     * @param string $key
     * @return array|null A time and an answer.
     */
    private static function recall(string $key): ?array {
        $kept = self::cache()->get($key);
        return $kept && ($kept[1] === true || !CLI_SCRIPT) ? $kept : null;
    }

    /**
     * Asks the server.
     *
     * @param connection $connection
     * @return true|string
     */
    private static function ask(connection $connection) {
        try {
            $answer = self::problem($connection) ?? true;
        } catch (server_error $e) {
            $answer = s($e->getMessage());
        }
        self::cache()->set($connection->fingerprint(), [time(), $answer]);
        return $answer;
    }

    /**
     * Asks for the version, then for something that takes a password.
     *
     * @param connection $connection
     * @return string|null
     * @throws server_error
     */
    private static function problem(connection $connection): ?string {
        $client = CLI_SCRIPT ? new client($connection) : new client($connection, 0, self::PAGE_SECONDS);
        $version = $client->get('version');
        if (processor::check_pip_package_version($version) !== 0) {
            return s(self::unknown_version($version, $connection));
        }
        $client->get('evaluationlog', ['uniqueid' => 'readiness', 'dirhash' => 'readiness', 'runid' => 0]);
        return null;
    }

    /**
     * The sentence for a version that this Moodle does not know.
     *
     * @param string $version
     * @param connection $connection
     * @return string
     */
    private static function unknown_version(string $version, connection $connection): string {
        if (!preg_match('~^\d+(\.\d+)*\s*$~', $version)) {
            return get_string('error:noserver', 'mlbackend_serverless', $connection->address);
        }
        $a = ['version' => trim($version), 'required' => processor::REQUIRED_PIP_PACKAGE_VERSION];
        return get_string('error:version', 'mlbackend_serverless', $a);
    }

    /**
     * Where answers are kept for other pages.
     *
     * @return \cache
     */
    private static function cache(): \cache {
        return \cache::make('mlbackend_serverless', 'readiness');
    }
}
