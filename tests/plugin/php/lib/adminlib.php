<?php
// Stands for a file of Moodle whose classes moodle.php has.
