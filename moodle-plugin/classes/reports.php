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
 * The reports of evaluations.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

/**
 * The reports of evaluations, which lie beside their models in Moodle's data folder.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class reports {
    /** @var int How many of the newest evaluations the page lists. */
    const LISTED = 200;

    /** @var string File name of a report. */
    const FILE = 'report.html';

    /**
     * The address of the page that shows the report in a folder.
     *
     * @param string $dir A folder of an evaluation's files.
     * @return \moodle_url|null Null where there is no report.
     */
    public static function url_of(string $dir): ?\moodle_url {
        // Below the folder of all models: MODEL/VERSION/evaluation/INTERVAL/logs/RUN.
        if (!self::is_report($dir) || !preg_match('~[/\\\\](\d+)(?:[/\\\\][^/\\\\]+){4}[/\\\\](\d+)$~', $dir, $found)) {
            return null;
        }
        // One parameter, as the command line shows links with all their escapes.
        return new \moodle_url('/lib/mlbackend/serverless/report.php', ['evaluation' => $found[1] . '-' . $found[2]]);
    }

    /**
     * The evaluation that an address names.
     *
     * @param string $name MODEL-RUN.
     * @return \stdClass A record of analytics_models_log.
     * @throws \moodle_exception When there is no such report, or not any more.
     */
    public static function find(string $name): \stdClass {
        global $DB;
        [$modelid, $run] = explode('-', $name, 2) + ['', ''];
        foreach ($DB->get_records('analytics_models_log', ['modelid' => (int) $modelid], 'id DESC') as $log) {
            if (basename((string) $log->dir) === $run && self::is_report((string) $log->dir)) {
                return $log;
            }
        }
        throw new \moodle_exception('report:missing', 'mlbackend_serverless');
    }

    /**
     * The newest evaluations that have a report.
     *
     * @return \stdClass[] Records of analytics_models_log, newest first.
     */
    public static function newest(): array {
        global $DB;
        $logs = $DB->get_records('analytics_models_log', null, 'id DESC', '*', 0, self::LISTED);
        return array_filter($logs, static function (\stdClass $log): bool {
            return self::url_of((string) $log->dir) !== null;
        });
    }

    /**
     * What an evaluation is called: its model, its analysis interval and when it was.
     *
     * @param \stdClass $log A record of analytics_models_log.
     * @return string[] Names as HTML: model, interval, time.
     */
    public static function names(\stdClass $log): array {
        $model = get_string('report:model', 'mlbackend_serverless', $log->modelid);
        $interval = s($log->timesplitting);
        try {
            $model = (new \core_analytics\model((int) $log->modelid))->get_name();
            $interval = (string) \core_analytics\manager::get_time_splitting($log->timesplitting)->get_name();
        } catch (\Throwable $e) {
            // What a plugin brought that is not here any more has its number and its class alone.
            debugging($e->getMessage(), DEBUG_DEVELOPER);
        }
        return [$model, $interval, userdate($log->timecreated)];
    }

    /**
     * Whether a folder holds a report, and lies below the folder of all models.
     *
     * @param string $dir
     * @return bool
     */
    private static function is_report(string $dir): bool {
        $file = $dir === '' ? false : realpath($dir . '/' . self::FILE);
        $base = realpath(get_config('analytics', 'modeloutputdir') ?: \core_analytics\model::default_output_dir());
        return $file && $base && strpos($file, $base . DIRECTORY_SEPARATOR) === 0;
    }
}
