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
 * Compresses datasets.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

/**
 * Compresses datasets, 20 times and more, so that large ones pass through AWS Lambda as well.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class compression {
    /** @var int Bytes that are in memory at a time. */
    const BLOCK = 1 << 18;

    /**
     * A compressed copy of a dataset, in a file that lasts as long as the request.
     *
     * @param \stored_file $dataset
     * @return \CURLFile
     * @throws \moodle_exception When there is no room for it.
     */
    public static function compressed(\stored_file $dataset): \CURLFile {
        $path = make_request_directory() . '/dataset.csv.gz';
        $in = $dataset->get_content_file_handle();
        $out = gzopen($path, 'wb6');
        if (!$in || !$out || !self::copy($in, $out)) {
            throw new \moodle_exception('error:compress', 'mlbackend_serverless');
        }
        return new \CURLFile($path, 'application/gzip', 'dataset.csv.gz');
    }

    /**
     * Copies block by block.
     *
     * @param resource $in
     * @param resource $out
     * @return bool Whether all of it was written.
     */
    private static function copy($in, $out): bool {
        while (!feof($in)) {
            $block = fread($in, self::BLOCK);
            if ($block === false || gzwrite($out, $block) !== strlen($block)) {
                return false;
            }
        }
        fclose($in);
        return gzclose($out);
    }
}
