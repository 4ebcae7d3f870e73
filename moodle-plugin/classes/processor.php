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
 * The predictions processor.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

/**
 * The predictions processor: Moodle's own for a Python server, which reaches ours by one line, in a way that lasts.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class processor extends \mlbackend_python\processor {
    /** @var connection|null */
    private $connection = null;

    /** @var string Why there is no connection. */
    private $problem = '';

    /** @var string Why the last evaluation has no report; empty where nothing went wrong. */
    private $noreport = '';

    /**
     * Reads the settings.
     */
    public function __construct() {
        $this->useserver = true;
        $this->port = '';
        try {
            $this->connection = connection::from_settings();
            $this->problem = get_string('line:none', 'mlbackend_serverless');
        } catch (\moodle_exception $e) {
            $this->problem = $e->getMessage();
        }
        // The parent builds addresses of these two, and takes a path in the host.
        $this->host = $this->connection ? $this->connection->host_and_path() : '';
        $this->secure = $this->connection && $this->connection->is_https();
    }

    /**
     * Whether the server can be used.
     *
     * @return true|string
     */
    public function is_ready() {
        return $this->connection ? readiness::of($this->connection) : s($this->problem);
    }

    /**
     * Trains a model.
     *
     * @param string $uniqueid
     * @param \stored_file $dataset
     * @param string $outputdir
     * @return \stdClass
     */
    public function train_classification($uniqueid, \stored_file $dataset, $outputdir) {
        return self::escaped(parent::train_classification($uniqueid, $dataset, $outputdir));
    }

    /**
     * Predicts.
     *
     * @param string $uniqueid
     * @param \stored_file $dataset
     * @param string $outputdir
     * @return \stdClass
     */
    public function classify($uniqueid, \stored_file $dataset, $outputdir) {
        return self::escaped(parent::classify($uniqueid, $dataset, $outputdir));
    }

    /**
     * Deletes a model: on the server, and the reports of its evaluations here.
     *
     * @param string $modeloutputdir
     * @param string $uniqueid
     */
    public function delete_output_dir($modeloutputdir, $uniqueid) {
        parent::delete_output_dir($modeloutputdir, $uniqueid);
        remove_dir($modeloutputdir);
    }

    /**
     * Sends a request to the server.
     *
     * @param \moodle_url $url
     * @param string $method Of \curl: post, get or download_one.
     * @param array $requestparams
     * @param array|null $options The filepath of a download.
     * @return array The body of the answer, and the HTTP status 200: all else is thrown.
     */
    protected function server_request($url, string $method, array $requestparams, ?array $options = null) {
        if (!$this->connection) {
            throw new \moodle_exception('error:any', 'mlbackend_serverless', '', $this->problem);
        }
        $endpoint = basename($url->get_path());
        $client = new client($this->connection);
        if ($method === 'download_one') {
            $this->download($client, $endpoint, $requestparams, $options['filepath']);
            return ['', 200];
        }
        if ($method === 'get') {
            return [$client->get($endpoint, $requestparams), 200];
        }
        $body = $endpoint === 'training' ? training::send($client, $requestparams) : $client->post($endpoint, $requestparams);
        $this->check($endpoint, $body);
        return [$body, 200];
    }

    /**
     * Shows the lines of an evaluation as text, and a link to its report.
     *
     * @param \stdClass $resultobj
     * @return \stdClass
     */
    protected function add_extra_result_info(\stdClass $resultobj): \stdClass {
        $resultobj = self::escaped($resultobj);
        if ($this->noreport !== '') {
            $resultobj->info[] = s(get_string('report:none', 'mlbackend_serverless', $this->noreport));
        } else if ($url = reports::url_of($resultobj->dir ?? '')) {
            $text = get_string('report:open', 'mlbackend_serverless');
            $resultobj->info[] = \html_writer::link($url, $text, ['class' => 'btn btn-secondary']);
        }
        return $resultobj;
    }

    /**
     * Downloads. An evaluation without its report is worth more than none.
     *
     * @param client $client
     * @param string $endpoint
     * @param array $fields
     * @param string $filepath
     */
    private function download(client $client, string $endpoint, array $fields, string $filepath): void {
        $this->noreport = '';
        try {
            $client->download($endpoint, $fields, $filepath);
        } catch (server_error $e) {
            if ($endpoint !== 'evaluationlog') {
                throw $e;
            }
            $this->noreport = $e->getMessage();
            file_put_contents($filepath, "PK\5\6" . str_repeat("\0", 18)); // A zip without files.
        }
    }

    /**
     * Refuses what is no answer of such a server, but of a login page in between, say.
     *
     * @param string $endpoint
     * @param string $body
     */
    private function check(string $endpoint, string $body): void {
        if (!in_array($endpoint, client::WORK, true)) {
            return;
        }
        $start = substr($body, 0, 1) === '{';
        if (!$start || ($endpoint === 'evaluation' && !is_int(json_decode($body)->runid ?? null))) {
            throw new \moodle_exception('error:noserver', 'mlbackend_serverless', '', $this->connection->address);
        }
    }

    /**
     * Makes text of what came from the server: Moodle's log dialog takes it for HTML.
     *
     * A line that is a link leads to the report on the server's own page, which asks for its password: ours replaces it.
     * An evaluation's lines are escaped already, so no entity is escaped again.
     *
     * @param \stdClass $result
     * @return \stdClass
     */
    private static function escaped(\stdClass $result): \stdClass {
        $lines = array_map(static function ($line): string {
            return is_string($line) ? $line : json_encode($line);
        }, array_values((array) ($result->info ?? [])));
        $lines = preg_grep('~^<a href="[^"<>]*">[^<>]*</a>$~', $lines, PREG_GREP_INVERT);
        $result->info = array_map(static function (string $line): string {
            return htmlspecialchars($line, ENT_NOQUOTES | ENT_SUBSTITUTE, 'UTF-8', false);
        }, array_values($lines));
        return $result;
    }
}
