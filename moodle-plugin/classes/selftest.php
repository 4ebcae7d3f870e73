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
 * Tries the server with a model that is made up.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

/**
 * Tries the server with a model that is made up: version, sign-in, training, prediction, deletion.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class selftest {
    /** @var int Seconds in which new tries begin: a person waits. */
    const PATIENCE = 15;

    /** @var int Rows of the training. */
    const ROWS = 40;

    /** @var client */
    private $client;

    /** @var connection */
    private $connection;

    /** @var string Which model the server is to make; no site has it. */
    private $uniqueid;

    /**
     * Keeps the connection.
     *
     * @param connection $connection
     */
    public function __construct(connection $connection) {
        $this->connection = $connection;
        $this->client = new client($connection, self::PATIENCE);
        $this->uniqueid = 'selftest-' . bin2hex(random_bytes(8));
    }

    /**
     * Takes the steps until one fails.
     *
     * @return iterable Each an array: name of the step, what is wrong (empty: nothing), seconds.
     */
    public function steps(): iterable {
        foreach (['version', 'training', 'prediction', 'deletion'] as $step) {
            $start = microtime(true);
            try {
                $problem = $this->$step();
            } catch (\moodle_exception $e) {
                $problem = $e->getMessage();
            }
            yield [$step, $problem, microtime(true) - $start];
            if ($problem !== '') {
                return;
            }
        }
    }

    /**
     * Whether there is a server that this Moodle can use, and takes the password.
     *
     * @return string
     */
    private function version(): string {
        readiness::forget();
        $ready = readiness::of($this->connection);
        return $ready === true ? '' : htmlspecialchars_decode($ready, ENT_QUOTES);
    }

    /**
     * Whether it learns.
     *
     * @return string
     */
    private function training(): string {
        $rows = [['indicator', 'other', 'target']];
        for ($i = 0; $i < self::ROWS; $i++) {
            $rows[] = [$i % 2 ? '1' : '-1', $i % 3 ? '0.5' : '-0.25', (string) ($i % 2)];
        }
        return $this->problem($this->send('training', $rows));
    }

    /**
     * Whether it predicts what it learned.
     *
     * @return string
     */
    private function prediction(): string {
        $answer = $this->send('prediction', [['sampleid', 'indicator', 'other'], ['1-0', '-1', '0.5'], ['2-0', '1', '0.5']]);
        $classes = array_column($answer->predictions ?? [], 1, 0);
        if (($answer->status ?? null) === 0 && $classes != ['1-0' => '0', '2-0' => '1']) {
            return get_string('test:wrong', 'mlbackend_serverless');
        }
        return $this->problem($answer);
    }

    /**
     * Whether it deletes.
     *
     * @return string
     */
    private function deletion(): string {
        $this->client->post('deletemodel', ['uniqueid' => $this->uniqueid]);
        return '';
    }

    /**
     * What an answer says is wrong.
     *
     * @param \stdClass $answer
     * @return string
     */
    private function problem(\stdClass $answer): string {
        if (($answer->status ?? null) === 0) {
            return '';
        }
        $lines = (array) ($answer->errors ?? $answer->info ?? []);
        return $lines ? implode(' ', $lines) : get_string('error:noserver', 'mlbackend_serverless', $this->connection->address);
    }

    /**
     * Sends a dataset as Moodle writes it.
     *
     * @param string $endpoint
     * @param string[][] $rows Names of columns first.
     * @return \stdClass
     */
    private function send(string $endpoint, array $rows): \stdClass {
        $head = [['nfeatures', 'targetclasses', 'targettype'], ['2', '[0,1]', 'discrete']];
        $lines = array_map(static function (array $row): string {
            return '"' . implode('","', $row) . "\"\n";
        }, array_merge($head, $rows));
        $file = get_file_storage()->create_file_from_string([
            'contextid' => \context_system::instance()->id,
            'component' => 'mlbackend_serverless',
            'filearea' => 'selftest',
            'itemid' => 0,
            'filepath' => '/',
            'filename' => $this->uniqueid . '-' . $endpoint . '.csv',
        ], implode('', $lines));
        try {
            $fields = ['uniqueid' => $this->uniqueid, 'dirhash' => md5($this->uniqueid), 'dataset' => $file];
            return json_decode($this->client->post($endpoint, $fields)) ?: new \stdClass();
        } finally {
            $file->delete();
        }
    }
}
