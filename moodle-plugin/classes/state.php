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
 * What the settings page says below the setting.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

/**
 * What the settings page says below the setting: where the line leads, and what to do next.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class state {
    /**
     * The text. Nothing is asked of the server for it: Moodle makes it for other pages, too.
     *
     * @return string HTML.
     */
    public static function html(): string {
        try {
            $connection = connection::from_settings();
        } catch (\moodle_exception $e) {
            return self::warning($e->getMessage());
        }
        return $connection ? self::of($connection) : s(get_string('state:none', 'mlbackend_serverless'));
    }

    /**
     * The text for a connection that is there.
     *
     * @param connection $connection
     * @return string HTML.
     */
    private static function of(connection $connection): string {
        $a = ['address' => s($connection->address), 'username' => s($connection->username)];
        $html = \html_writer::tag('p', get_string('state:set', 'mlbackend_serverless', $a));
        if ($connection->is_in_the_clear()) {
            $html .= self::warning(get_string('state:clear', 'mlbackend_serverless'));
        }
        $test = new \moodle_url('/lib/mlbackend/serverless/test.php', ['sesskey' => sesskey()]);
        $reports = new \moodle_url('/lib/mlbackend/serverless/reports.php');
        $choose = new \moodle_url('/admin/settings.php', ['section' => 'analyticssettings']);
        $next = get_string('state:next', 'mlbackend_serverless', $choose->out());
        return $html . self::button($test, 'test') . ' ' . self::button($reports, 'reports') .
            \html_writer::tag('p', $next, ['class' => 'mt-3']);
    }

    /**
     * A link that looks like a button: forms cannot stand in the form of the settings.
     *
     * @param \moodle_url $url
     * @param string $name Of its text.
     * @return string HTML.
     */
    private static function button(\moodle_url $url, string $name): string {
        return \html_writer::link($url, get_string($name, 'mlbackend_serverless'), ['class' => 'btn btn-secondary']);
    }

    /**
     * A warning.
     *
     * @param string $text
     * @return string HTML.
     */
    private static function warning(string $text): string {
        return \html_writer::div(s($text), 'alert alert-warning');
    }
}
