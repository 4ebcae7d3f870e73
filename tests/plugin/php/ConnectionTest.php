<?php
// The line that an admin pastes.

use mlbackend_serverless\admin_setting_line;
use mlbackend_serverless\connection;
use PHPUnit\Framework\TestCase;

class admin_setting_encryptedpassword {
    public function write_setting($data) {
        set_config('connection', \core\encryption::encrypt($data), 'mlbackend_serverless');
        return '';
    }
}

class ConnectionTest extends TestCase {
    protected function setUp(): void {
        world::reset();
    }

    public function test_lines() {
        $lines = [
            'https://moodle:secret@host.example' => 'https://host.example',
            'https://moodle:secret@host.example/' => 'https://host.example',
            ' https://moodle:secret@host.example/production ' => 'https://host.example/production',
            'https://moodle:secret@host.example:8443/a/b/' => 'https://host.example:8443/a/b',
            'HTTP://moodle:secret@127.0.0.1:5000' => 'http://127.0.0.1:5000',
            'http://moodle:secret@[::1]:5000/x' => 'http://[::1]:5000/x',
        ];
        foreach ($lines as $line => $address) {
            $connection = new connection($line);
            $this->assertSame([$address, 'moodle', 'secret'], [$connection->address, $connection->username, $connection->password]);
        }
        $escaped = new connection('https://a%40b:p%3Aw%2F@host.example');
        $this->assertSame(['a@b', 'p:w/'], [$escaped->username, $escaped->password]);
    }

    public function test_lines_that_cannot_be_used_say_why() {
        $wrong = [
            'host.example' => 'has to begin with https://',
            'ftp://a:b@host.example' => 'has to begin with https://',
            'https://host.example/production' => 'name or the password is missing',
            'https://moodle@host.example' => 'name or the password is missing',
            'https://:secret@host.example' => 'name or the password is missing',
            'https://moodle:secret@' => 'no address',
            'https://moodle:secret@host.example:port' => 'no address',
            'https://moodle:secret@host.example/?stage=x' => 'no address',
            'https://moodle:secret@host.example/ production' => 'copy it again',
            'https://moodle:secret@host.example/"' => 'copy it again',
            "https://moodle:secret@host.example\nhttps://other" => 'copy it again',
        ];
        foreach ($wrong as $line => $words) {
            $said = (new admin_setting_line())->write_setting($line);
            $this->assertStringContainsString($words, $said, $line);
            $this->assertStringNotContainsString('secret', $said);
            $this->assertNull(connection::from_settings(), 'nothing is stored');
        }
    }

    public function test_a_line_is_stored_encrypted_and_can_be_taken_away() {
        $setting = new admin_setting_line();
        $this->assertSame('', $setting->write_setting(" https://moodle:secret@host.example \n"));
        $this->assertStringNotContainsString('secret', get_config('mlbackend_serverless', 'connection'));
        $this->assertSame('https://host.example', connection::from_settings()->address);
        $this->assertSame('', $setting->write_setting(''));
        $this->assertNull(connection::from_settings());
    }

    public function test_config_php_may_hold_it_as_text() {
        set_config('connection', 'https://moodle:secret@host.example/x', 'mlbackend_serverless');
        $this->assertSame('https://host.example/x', connection::from_settings()->address);
    }

    public function test_what_another_key_encrypted_says_so() {
        set_config('connection', 'sodium:abc', 'mlbackend_serverless');
        $this->expectExceptionMessage('paste it again');
        connection::from_settings();
    }

    public function test_whether_others_can_read_on_the_way() {
        $this->assertTrue((new connection('http://a:b@10.0.0.5'))->is_in_the_clear());
        $this->assertFalse((new connection('http://a:b@localhost:5000'))->is_in_the_clear());
        $this->assertFalse((new connection('http://a:b@[::1]'))->is_in_the_clear());
        $this->assertFalse((new connection('https://a:b@10.0.0.5'))->is_in_the_clear());
    }
}
