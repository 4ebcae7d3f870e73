<?php
// Small stand-ins for what the plugin uses of Moodle, written for these tests. The parent of the
// plugin's processor sends what shared notes on Moodle's requests say, and nothing more.

namespace {
    define('MOODLE_INTERNAL', true);
    define('PHPUNIT_TEST', true);
    define('CLI_SCRIPT', getenv('CLI_SCRIPT') === '1');

    const PLUGIN = __DIR__ . '/../../../moodle-plugin';

    $CFG = (object) ['libdir' => __DIR__ . '/lib', 'dirroot' => __DIR__, 'wwwroot' => 'https://moodle.example'];

    class world {
        /** @var array Settings by component. */
        public static $config = [];
        /** @var array Caches by name. */
        public static $caches = [];
        /** @var string A folder for the test. */
        public static $folder = '';
        /** @var float Seconds that pauses added to the clock. */
        public static $slept = 0.0;
        /** @var int[] Pauses, in seconds. */
        public static $pauses = [];

        public static function reset(): void {
            self::$config = ['analytics' => ['modeloutputdir' => self::folder()]];
            self::$caches = self::$pauses = [];
            self::$slept = 0.0;
        }

        public static function folder(): string {
            return make_request_directory();
        }
    }

    spl_autoload_register(static function (string $class): void {
        $file = PLUGIN . '/classes/' . strtr(substr($class, strlen('mlbackend_serverless\\')), '\\', '/') . '.php';
        if (strpos($class, 'mlbackend_serverless\\') === 0 && is_file($file)) {
            require_once($file);
        }
    });

    function get_string(string $key, string $component, $a = null): string {
        $string = [];
        if ($component === 'mlbackend_serverless') {
            require(PLUGIN . '/lang/en/mlbackend_serverless.php');
        }
        $text = $string[$key] ?? "[$component:$key] {\$a}";
        $values = is_array($a) || is_object($a) ? (array) $a : ['' => $a];
        foreach ($values as $name => $value) {
            $text = str_replace($name === '' ? '{$a}' : '{$a->' . $name . '}', (string) $value, $text);
        }
        return $text;
    }

    class moodle_exception extends \Exception {
        public function __construct($key, $component = '', $link = '', $a = null) {
            parent::__construct(get_string($key, $component, $a));
        }
    }

    function get_config(string $component, string $name) {
        return world::$config[$component][$name] ?? false;
    }

    function set_config(string $name, $value, string $component): void {
        world::$config[$component][$name] = (string) $value;
    }

    function unset_config(string $name, string $component): void {
        unset(world::$config[$component][$name]);
    }

    function s($text): string {
        return htmlspecialchars((string) $text, ENT_QUOTES);
    }

    function fix_utf8(string $text): string {
        return mb_convert_encoding($text, 'UTF-8', 'UTF-8');
    }

    function format_float($number, int $decimals): string {
        return number_format($number, $decimals);
    }

    function make_request_directory(): string {
        $folder = sys_get_temp_dir() . '/' . bin2hex(random_bytes(8));
        mkdir($folder);
        return $folder;
    }

    function remove_dir(string $folder): void {
        foreach (array_diff(scandir($folder), ['.', '..']) as $name) {
            is_dir("$folder/$name") ? remove_dir("$folder/$name") : unlink("$folder/$name");
        }
        rmdir($folder);
    }

    function mtrace(string $line): void {
        throw new \LogicException("Nothing is written in tests: $line");
    }

    class core_text {
        public static function substr(string $text, int $start, int $length): string {
            return mb_substr($text, $start, $length);
        }
    }

    class html_writer {
        public static function link($url, string $text, array $attributes = []): string {
            $class = $attributes['class'] ?? '';
            return '<a class="' . s($class) . '" href="' . s($url instanceof moodle_url ? $url->out() : $url) . "\">$text</a>";
        }
    }

    class moodle_url {
        private $url;

        public function __construct(string $url, array $query = []) {
            $base = strpos($url, '/') === 0 ? $GLOBALS['CFG']->wwwroot : '';
            $this->url = $base . $url . ($query ? '?' . http_build_query($query) : '');
        }

        public function out(): string {
            return $this->url;
        }

        public function get_path(): string {
            return (string) parse_url($this->url, PHP_URL_PATH);
        }

        public function __toString(): string {
            return $this->url;
        }
    }

    class stored_file {
        private $path;

        public function __construct(string $path) {
            $this->path = $path;
        }

        public function get_content_file_handle() {
            return fopen($this->path, 'rb');
        }

        public function delete(): void {
            unlink($this->path);
        }
    }

    class file_storage {
        public function create_file_from_string(array $record, string $content): stored_file {
            $path = world::folder() . '/' . $record['filename'];
            file_put_contents($path, $content);
            return new stored_file($path);
        }
    }

    function get_file_storage(): file_storage {
        return new file_storage();
    }

    class context_system {
        public $id = 1;

        public static function instance(): self {
            return new self();
        }
    }

    class cache {
        private $name;

        public static function make(string $component, string $area): self {
            $cache = new self();
            $cache->name = "$component/$area";
            return $cache;
        }

        public function get(string $key) {
            return world::$caches[$this->name][$key] ?? false;
        }

        public function set(string $key, $value): void {
            world::$caches[$this->name][$key] = $value;
        }

        public function purge(): void {
            unset(world::$caches[$this->name]);
        }
    }

    /** Requests as Moodle's class of this name makes them, with PHP's functions. */
    class curl {
        public $info = [];
        public $error = '';
        private $errno = 0;
        private $headers = [];
        private $received = [];

        public function __construct(array $settings) {
        }

        public function setHeader($headers): void {
            $this->headers = array_merge($this->headers, (array) $headers);
        }

        public function post($url, $fields, array $options = []) {
            return $this->ask((string) $url, [CURLOPT_POSTFIELDS => $fields] + self::numbers($options));
        }

        public function get($url, array $fields = [], array $options = []) {
            return $this->ask($url . ($fields ? '?' . http_build_query($fields) : ''), self::numbers($options));
        }

        public function download_one($url, array $fields, array $options = []) {
            $path = $options['filepath'];
            unset($options['filepath']);
            $file = fopen($path, 'wb');
            $result = $this->ask("$url?" . http_build_query($fields), self::numbers($options) + [CURLOPT_FILE => $file]);
            fclose($file);
            return $result;
        }

        public function get_errno(): int {
            return $this->errno;
        }

        public function getResponse(): array {
            return $this->received;
        }

        private static function numbers(array $options): array {
            return array_combine(array_map('constant', array_keys($options)), $options);
        }

        private function ask(string $url, array $options) {
            $handle = curl_init($url);
            curl_setopt_array($handle, [CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTPHEADER => $this->headers]);
            curl_setopt($handle, CURLOPT_USERAGENT, 'MoodleBot/4.5 (+https://moodle.example)');
            curl_setopt($handle, CURLOPT_ENCODING, '');
            curl_setopt($handle, CURLOPT_HEADERFUNCTION, function ($handle, string $line): int {
                [$name, $value] = explode(':', $line, 2) + ['', ''];
                $this->received[$name] = trim($value);
                return strlen($line);
            });
            curl_setopt_array($handle, $options);
            $result = curl_exec($handle);
            $this->info = curl_getinfo($handle);
            $this->errno = curl_errno($handle);
            $this->error = curl_error($handle);
            return $this->errno ? $this->error : $result;
        }
    }
}

namespace core {
    class encryption {
        public static function encrypt(string $text): string {
            return $text === '' ? '' : 'encrypted:' . strrev(base64_encode($text));
        }

        public static function decrypt(string $text): string {
            if (strpos($text, 'encrypted:') !== 0) {
                throw new \moodle_exception('undecryptable');
            }
            return base64_decode(strrev(substr($text, strlen('encrypted:'))));
        }
    }
}

namespace core_analytics {
    class model {
        public static function default_output_dir(): string {
            return \get_config('analytics', 'modeloutputdir');
        }
    }
}

namespace mlbackend_serverless {
    // The plugin's own calls of these find them here before PHP's: pauses take no time.

    function sleep(int $seconds): void {
        \world::$pauses[] = $seconds;
        \world::$slept += $seconds;
    }

    function microtime(bool $asfloat): float {
        return \microtime(true) + \world::$slept;
    }

    function time(): int {
        return (int) microtime(true);
    }
}

namespace mlbackend_python {
    /** What the plugin's processor extends: one request for each thing that Moodle wants. */
    class processor {
        const REQUIRED_PIP_PACKAGE_VERSION = '3.0.5';

        protected $useserver;
        protected $host;
        protected $port;
        protected $secure;

        public static function check_pip_package_version($actual, $required = self::REQUIRED_PIP_PACKAGE_VERSION): int {
            $late = version_compare($actual, (int) $required + 1, '>=');
            return version_compare($actual, $required, '<') ? -1 : (int) $late;
        }

        public function train_classification($uniqueid, \stored_file $dataset, $outputdir) {
            return $this->explained($this->ask_with_dataset('training', $uniqueid, $dataset, $outputdir));
        }

        public function classify($uniqueid, \stored_file $dataset, $outputdir) {
            return $this->explained($this->ask_with_dataset('prediction', $uniqueid, $dataset, $outputdir));
        }

        public function evaluate_classification($uniqueid, $deviation, $iterations, $dataset, $outputdir, $trained) {
            $fields = ['minscore' => 0.7, 'maxdeviation' => $deviation, 'niterations' => $iterations];
            $result = $this->ask_with_dataset('evaluation', $uniqueid, $dataset, $outputdir, $fields);
            $query = ['uniqueid' => $uniqueid, 'dirhash' => md5($outputdir), 'runid' => $result->runid];
            $result->dir = "$outputdir/logs/$result->runid";
            $this->unpack('evaluationlog', $query, $result->dir);
            return $this->add_extra_result_info($result);
        }

        public function export(string $uniqueid, string $modeldir): string {
            $folder = \world::folder() . '/export';
            $this->unpack('export', ['uniqueid' => $uniqueid, 'dirhash' => md5($modeldir)], $folder);
            return $folder;
        }

        public function import(string $uniqueid, string $modeldir, string $importdir): bool {
            $path = \world::folder() . '/import.zip';
            $zip = new \ZipArchive();
            $zip->open($path, \ZipArchive::CREATE);
            foreach (glob("$importdir/*") as $file) {
                $zip->addFile($file, basename($file));
            }
            $zip->close();
            $part = new \CURLFile($path, 'application/octet-stream', 'import.zip');
            $fields = ['uniqueid' => $uniqueid, 'dirhash' => md5($modeldir), 'importzip' => $part];
            return (bool) $this->server_request($this->address('import'), 'post', $fields)[0];
        }

        public function clear_model($uniqueid, $outputdir) {
            $this->server_request($this->address('deletemodel'), 'post', ['uniqueid' => $uniqueid]);
        }

        public function delete_output_dir($outputdir, $uniqueid) {
            $this->clear_model($uniqueid, $outputdir);
        }

        private function ask_with_dataset($endpoint, $uniqueid, $dataset, $outputdir, array $more = []) {
            $fields = ['uniqueid' => $uniqueid, 'dirhash' => md5($outputdir), 'dataset' => $dataset] + $more;
            return json_decode($this->server_request($this->address($endpoint), 'post', $fields)[0]);
        }

        private function unpack(string $endpoint, array $query, string $folder): void {
            $path = \world::folder() . '/download.zip';
            $this->server_request($this->address($endpoint), 'download_one', $query, ['filepath' => $path]);
            mkdir($folder, 0777, true);
            $zip = new \ZipArchive();
            if ($zip->open($path) === true) {
                $zip->extractTo($folder);
            }
        }

        private function explained(\stdClass $result): \stdClass {
            if ($result->status) {
                $result->info = ['Predictions processor error: ' . implode(', ', (array) ($result->errors ?? $result->info))];
            }
            return $result;
        }

        private function address(string $endpoint): \moodle_url {
            $port = $this->port === '' ? '' : ":$this->port";
            return new \moodle_url(($this->secure ? 'https' : 'http') . "://$this->host$port/$endpoint");
        }
    }
}
