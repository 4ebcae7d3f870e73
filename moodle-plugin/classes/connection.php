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
 * Where the server is, and how to sign in there.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

namespace mlbackend_serverless;

/**
 * Where the server is, and how to sign in there: what the line says that an admin pastes.
 *
 * @package   mlbackend_serverless
 * @copyright 2026 The moodle-mlbackend-lambda authors
 * @license   https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class connection {
    /** @var string https://host, with a port and a path where there are any, and no slash at its end. */
    public $address;

    /** @var string */
    public $username;

    /** @var string */
    public $password;

    /**
     * Reads a line such as https://name:password@host/path.
     *
     * @param string $line
     * @throws \moodle_exception When it cannot be used; its message says what is missing.
     */
    public function __construct(string $line) {
        $line = trim($line);
        if (!preg_match('~^https?://~i', $line)) {
            throw new \moodle_exception('line:noscheme', 'mlbackend_serverless');
        }
        if (preg_match('~[\s<>"\']~', $line)) {
            throw new \moodle_exception('line:cutwrong', 'mlbackend_serverless');
        }
        $parts = parse_url($line);
        if (!$parts || empty($parts['host']) || isset($parts['query']) || isset($parts['fragment'])) {
            throw new \moodle_exception('line:noaddress', 'mlbackend_serverless');
        }
        if (!isset($parts['user'], $parts['pass']) || $parts['user'] === '' || $parts['pass'] === '') {
            throw new \moodle_exception('line:nopassword', 'mlbackend_serverless');
        }
        $port = isset($parts['port']) ? ':' . $parts['port'] : '';
        $path = rtrim($parts['path'] ?? '', '/');
        $this->address = strtolower($parts['scheme']) . '://' . $parts['host'] . $port . $path;
        $this->username = rawurldecode($parts['user']);
        $this->password = rawurldecode($parts['pass']);
    }

    /**
     * The connection that the settings hold: encrypted, or as plain text where config.php forces it.
     *
     * @return self|null Null where there is none yet.
     * @throws \moodle_exception When it cannot be used.
     */
    public static function from_settings(): ?self {
        $stored = (string) get_config('mlbackend_serverless', 'connection');
        if ($stored === '') {
            return null;
        }
        if (preg_match('~^https?://~i', $stored)) {
            return new self($stored);
        }
        try {
            $line = \core\encryption::decrypt($stored);
        } catch (\moodle_exception $e) {
            throw new \moodle_exception('line:undecryptable', 'mlbackend_serverless');
        }
        return new self($line);
    }

    /**
     * The address and what to sign in with, for an Authorization header.
     *
     * @return string
     */
    public function authorization(): string {
        return 'Basic ' . base64_encode($this->username . ':' . $this->password);
    }

    /**
     * The host alone, for messages.
     *
     * @return string
     */
    public function host(): string {
        return (string) parse_url($this->address, PHP_URL_HOST);
    }

    /**
     * The address without its scheme, as the parent's processor takes it for a host.
     *
     * @return string
     */
    public function host_and_path(): string {
        return preg_replace('~^https?://~', '', $this->address);
    }

    /**
     * Whether what is sent can be read on its way.
     *
     * @return bool
     */
    public function is_in_the_clear(): bool {
        $local = ['localhost', '127.0.0.1', '[::1]'];
        return !$this->is_https() && !in_array($this->host(), $local, true);
    }

    /**
     * Whether the address begins with https.
     *
     * @return bool
     */
    public function is_https(): bool {
        return strpos($this->address, 'https://') === 0;
    }

    /**
     * Tells one connection from another, without showing its password.
     *
     * @return string Hexadecimal digits.
     */
    public function fingerprint(): string {
        return hash('sha256', $this->address . ' ' . $this->authorization());
    }
}
